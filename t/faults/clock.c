/* clock.c -- a preload with which a test sets the wall clock of a running server, back and forth.
 *
 *     LD_PRELOAD=$PWD/build/faults/clock.so CHATTERBOX_CLOCK=offset build/chatterbox -c …
 *
 * The file holds the seconds that are added to what the wall clock shows, as an int64_t; the test overwrites
 * it in place. The steady clock goes on as it is: that is what an administrator, or NTP, does to a machine.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *offset;

__attribute__((constructor)) static void map_offset(void)
{
    const char *path = getenv("CHATTERBOX_CLOCK");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *map = fd != -1 ? mmap(NULL, sizeof(*offset), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

    if (map != MAP_FAILED)
        offset = map;
    if (fd != -1)
        close(fd);
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    int failed = (int)syscall(SYS_clock_gettime, id, ts);

    if (!failed && offset != NULL && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        ts->tv_sec += (time_t)*offset;
    return failed;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts;
    int failed = clock_gettime(CLOCK_REALTIME, &ts);

    (void)zone;
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *at)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    if (at != NULL)
        *at = ts.tv_sec;
    return ts.tv_sec;
}
