/* wallclock.h -- H2O's timers run by the wall clock; here they are moved along when somebody sets it. */
#ifndef cbx_server_wallclock_h
#define cbx_server_wallclock_h

#include <h2o.h>

/* how far the wall clock is ahead of the steady one, ms, as of the last look */
typedef struct cbx_wallclock {
    int64_t ahead;
} cbx_wallclock_t;

void cbx_wallclock_start(cbx_wallclock_t *clock);
/* after each turn of the loop: has the wall clock been set since the last look? */
void cbx_wallclock_follow(cbx_wallclock_t *clock, h2o_loop_t *loop);

#endif
