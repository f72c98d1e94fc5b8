/* outbound.h -- what waits to be written to one connection: references to shared frames, in order, and
 * bounded.
 *
 * Only one write is under way at a time. Over plaintext the bytes go straight to the socket while it takes
 * them; what it does not take, and everything over TLS, goes through H2O, which calls back. Worker's thread.
 */
#ifndef cbx_live_outbound_h
#define cbx_live_outbound_h

#include <h2o.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/frame.h"

typedef struct cbx_outbound {
    struct cbx_queue *queue; /* NULL: nothing waits, as for most connections most of the time */
} cbx_outbound_t;

typedef enum cbx_write { CBX_WRITE_DONE, CBX_WRITE_PENDING, CBX_WRITE_FAILED } cbx_write_t;

/* takes a reference of its own */
void cbx_outbound_push(cbx_outbound_t *out, cbx_frame_t *frame);
/* as push, for an answer that was asked for */
void cbx_outbound_push_exempt(cbx_outbound_t *out, cbx_frame_t *frame);
/* bytes that wait, all in all; and those that wait because the peer does not read */
size_t cbx_outbound_bytes(const cbx_outbound_t *out);
size_t cbx_outbound_waiting(const cbx_outbound_t *out);
/* frames, or rests of one, that wait */
size_t cbx_outbound_pieces(const cbx_outbound_t *out);
/* Looks at `now` (ms, steady) whether of the answers that were asked for more than `hoard` bytes wait, of
 * which hardly any were taken for `patience` ms of such looks (base/memory.h). */
bool cbx_outbound_hoards(cbx_outbound_t *out, size_t hoard, int64_t patience, int64_t now);
/* Looks at `now` (ms, steady) whether anything has gone out since the last look: for how long (ms) the looks
 * have found that nothing did, though something waits. */
int64_t cbx_outbound_stuck(cbx_outbound_t *out, int64_t now);

/* The frame was sent straight to the socket, before which nothing waited: `sent` bytes of it, or -errno. What
 * the socket did not take waits. */
cbx_write_t cbx_outbound_sent(cbx_outbound_t *out, cbx_frame_t *frame, ssize_t sent);
/* writes what waits, unless a write is under way; `on_written` is called when H2O has written */
cbx_write_t cbx_outbound_write(cbx_outbound_t *out, h2o_socket_t *sock, h2o_socket_cb on_written);
/* H2O has written what was in flight; from `on_written` */
void cbx_outbound_written(cbx_outbound_t *out);

/* drops what is not under way; a frame whose beginning is gone stays, so that what follows is understood */
void cbx_outbound_drop(cbx_outbound_t *out);
/* drops everything: the socket is closed */
void cbx_outbound_dispose(cbx_outbound_t *out);

#endif
