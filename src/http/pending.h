/* pending.h -- requests that wait for an answer from another thread, by number.
 *
 * A request can go while its work is under way (the client resets the stream, or the connection drops): then
 * its number finds nothing, and the answer is thrown away. So work that travels carries the number, never the
 * request.
 */
#ifndef cbx_http_pending_h
#define cbx_http_pending_h

#include <h2o.h>
#include <stdint.h>

typedef struct cbx_pending cbx_pending_t;

cbx_pending_t *cbx_pending_create(void);
void cbx_pending_free(cbx_pending_t *pending);
/* the request waits from now on; returns its number, never 0. Forgotten by itself when the request's pool
 * dies. */
uint64_t cbx_pending_add(cbx_pending_t *pending, h2o_req_t *req);
/* the request, which no longer waits, or NULL when it is gone */
h2o_req_t *cbx_pending_take(cbx_pending_t *pending, uint64_t number);

#endif
