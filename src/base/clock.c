/* clock.c -- the two clocks, by clock_gettime. */
#include "base/clock.h"

#include <time.h>

static int64_t read_ms(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t cbx_clock_wall(void)
{
    return read_ms(CLOCK_REALTIME);
}

int64_t cbx_clock_steady(void)
{
    return read_ms(CLOCK_MONOTONIC);
}
