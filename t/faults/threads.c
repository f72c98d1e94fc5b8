/* threads.c -- a preload with which a process gets only so many threads.
 *
 *     LD_PRELOAD=$PWD/build/faults/threads.so CHATTERBOX_THREADS=3 build/chatterbox -c …
 *
 * RLIMIT_NPROC counts all that a user runs and does not hold for root; this is for one process, and sharp.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static atomic_int made;

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attr, void *(*run)(void *),
                   void *restrict arg)
{
    union {
        void *object;
        int (*call)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    } real = {.object = dlsym(RTLD_NEXT, "pthread_create")}; /* ISO C has no cast from one to the other */
    const char *max = getenv("CHATTERBOX_THREADS");

    if (max != NULL && atomic_fetch_add(&made, 1) >= atoi(max))
        return EAGAIN;
    return real.call(thread, attr, run, arg);
}
