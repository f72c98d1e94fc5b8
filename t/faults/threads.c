/* threads.c -- a preload with which a process gets only so many threads at a time, besides its first.
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

static atomic_int alive;

struct start {
    void *(*run)(void *);
    void *arg;
};

static void *run_counted(void *arg)
{
    struct start start = *(struct start *)arg;
    void *result;

    free(arg);
    result = start.run(start.arg);
    atomic_fetch_sub(&alive, 1);
    return result;
}

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attr, void *(*run)(void *),
                   void *restrict arg)
{
    union {
        void *object;
        int (*call)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    } real = {.object = dlsym(RTLD_NEXT, "pthread_create")}; /* ISO C has no cast from one to the other */
    const char *max = getenv("CHATTERBOX_THREADS");
    struct start *start = malloc(sizeof(*start));
    int failed = EAGAIN;

    *start = (struct start){run, arg};
    if (atomic_fetch_add(&alive, 1) < (max != NULL ? atoi(max) : 1000))
        failed = real.call(thread, attr, run_counted, start);
    if (failed) {
        atomic_fetch_sub(&alive, 1);
        free(start);
    }
    return failed;
}
