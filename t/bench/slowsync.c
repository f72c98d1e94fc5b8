/* slowsync.c -- a preload that makes a fast disk slow: every fsync and fdatasync takes SLOWSYNC_MS ms (5)
 * more.
 *
 *     LD_PRELOAD=$PWD/build/bench/slowsync.so SLOWSYNC_MS=5 build/chatterbox -c …
 *
 * A network volume of a cloud answers a sync in some milliseconds, a local NVMe disk in less than a tenth of
 * one; what group commit is for shows on the first only.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void wait_more(void)
{
    const char *text = getenv("SLOWSYNC_MS");
    double ms = text != NULL ? atof(text) : 5;
    struct timespec left = {(time_t)(ms / 1000), (long)(ms * 1e6) % 1000000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

static int slow(const char *name, int fd)
{
    union {
        void *object;
        int (*call)(int);
    } real = {.object = dlsym(RTLD_NEXT, name)}; /* ISO C has no cast from one to the other */

    wait_more();
    return real.call(fd);
}

int fsync(int fd)
{
    return slow("fsync", fd);
}

int fdatasync(int fd)
{
    return slow("fdatasync", fd);
}
