/* trim.h -- memory that a storm of connections took goes back to the system when the storm is over. */
#ifndef cbx_server_trim_h
#define cbx_server_trim_h

#include <uv.h>

typedef struct cbx_trim {
    uv_timer_t timer;
    int64_t most;   /* connections at once, since a crowd has gone */
    unsigned looks; /* ... at which it is still trimmed */
} cbx_trim_t;

/* looks every 5 s; the loop's thread */
void cbx_trim_start(cbx_trim_t *trim, uv_loop_t *loop);
/* closes the timer, which is gone when the loop has turned */
void cbx_trim_stop(cbx_trim_t *trim);

#endif
