/* deflate.h -- permessage-deflate (RFC 7692) without context takeover, the only door to zlib: a message is
 * compressed by itself, so the same bytes do for every connection, and a connection costs no memory for it.
 */
#ifndef cbx_wire_deflate_h
#define cbx_wire_deflate_h

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "wire/frame.h"

/* bytes of a message; shorter ones grow, or shrink by less than the work is worth */
#define CBX_DEFLATE_MIN 256

/* what a client offers, and what we say to it (RFC 7692 section 7.1) */
#define CBX_DEFLATE_NAME "permessage-deflate"
#define CBX_DEFLATE_ANSWER CBX_DEFLATE_NAME "; server_no_context_takeover; client_no_context_takeover"

/* one thread's: 300 KB of zlib's state, used for one message after the other */
typedef struct cbx_deflate cbx_deflate_t;

cbx_deflate_t *cbx_deflate_create(void);
void cbx_deflate_free(cbx_deflate_t *deflate); /* NULL is harmless */

/* The text frame `frame` (one, not a run), compressed (section 7.2.1); or `frame` itself where it is short or
 * would not get shorter. The caller's reference. */
cbx_frame_t *cbx_deflate_frame(cbx_deflate_t *deflate, cbx_frame_t *frame);

/* appends what the message of `len` bytes was before it was compressed (section 7.2.2) to `out`;
 * CBX_ERR_TOO_LARGE: more than `limit` bytes; CBX_ERR_BAD_FRAME: not deflate's format */
cbx_err_t cbx_inflate(cbx_deflate_t *deflate, const void *bytes, size_t len, size_t limit, cbx_buf_t *out);

#endif
