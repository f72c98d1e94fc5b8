/* trim.c -- glibc keeps what was freed, and below what is still in use it keeps it for ever; so once most of
 * a crowd has gone it is asked for the pages: at once, and for a while after, because what the core knows of
 * people goes later than they do. That takes 2 ms when 9,500 connections have gone, and would be waste after
 * every few.
 */
#include "server/trim.h"

#include <malloc.h>

#include "base/stats.h"

enum {
    LOOK_MS = 5000,
    LOOKS = 5,   /* who has gone is online for 5 s more, and forgotten in the 5 s after that; and some more */
    CROWD = 1000 /* connections: some 1.5 MB */
};

static void on_look(uv_timer_t *timer)
{
    cbx_trim_t *trim = timer->data;
    int64_t now = CBX_READ(connections);

    if (now > trim->most)
        trim->most = now;
    if (trim->most >= CROWD && now <= trim->most / 2) {
        trim->most = now;
        trim->looks = LOOKS;
    }
    if (trim->looks == 0)
        return;
    malloc_trim(0);
    --trim->looks;
}

void cbx_trim_start(cbx_trim_t *trim, uv_loop_t *loop)
{
    trim->most = 0;
    trim->looks = 0;
    trim->timer.data = trim;
    uv_timer_init(loop, &trim->timer);
    uv_timer_start(&trim->timer, on_look, LOOK_MS, LOOK_MS);
}

void cbx_trim_stop(cbx_trim_t *trim)
{
    uv_close((uv_handle_t *)&trim->timer, NULL);
}
