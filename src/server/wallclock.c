/* wallclock.c -- timers that outlive a clock that is set.
 *
 * H2O's loop reads gettimeofday: set back by an hour, no timer of it would fire for an hour, and nobody would
 * be pinged. So what is linked is moved by as much as the clock was. Set forward, all that waits has fired
 * before we see it: H2O lets go of idle HTTP connections, and sessions look at the steady clock themselves
 * (live/session.c).
 */
#include "server/wallclock.h"

#include "base/clock.h"

enum { SET_MS = 100 }; /* less is drift, and NTP that adjusts it: timers need not be that sharp */

static int64_t ahead_now(void)
{
    return cbx_clock_wall() - cbx_clock_steady();
}

void cbx_wallclock_start(cbx_wallclock_t *clock)
{
    clock->ahead = ahead_now();
}

/* But for those that were linked after the clock was set: they would come out in the future, or overdue by
 * about as much as it was set; what is overdue since we did not get to it is so by less. */
static void move_entries(h2o_timeout_t *timeout, int64_t by, int64_t now)
{
    int64_t late = (by < 0 ? -by : by) / 2;

    for (h2o_linklist_t *n = timeout->_entries.next; n != &timeout->_entries; n = n->next) {
        h2o_timeout_entry_t *entry = H2O_STRUCT_FROM_MEMBER(h2o_timeout_entry_t, _link, n);
        int64_t at = (int64_t)entry->registered_at + by;

        if (at <= now && at + (int64_t)timeout->timeout + late >= now)
            entry->registered_at = (uint64_t)at;
    }
}

void cbx_wallclock_follow(cbx_wallclock_t *clock, h2o_loop_t *loop)
{
    int64_t ahead = ahead_now(), by = ahead - clock->ahead;

    clock->ahead = ahead;
    if (by > -SET_MS && by < SET_MS)
        return;
    for (h2o_linklist_t *n = loop->_timeouts.next; n != &loop->_timeouts; n = n->next)
        move_entries(H2O_STRUCT_FROM_MEMBER(h2o_timeout_t, _link, n), by, cbx_clock_wall());
}
