/* frame.h -- bytes on their way to clients: encoded once, shared by all who send them, immutable once posted.
 */
#ifndef cbx_wire_frame_h
#define cbx_wire_frame_h

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cbx_frame {
    atomic_uint refs;
    uint32_t len;
    uint8_t bytes[]; /* one WebSocket frame, or a run of them; or an answer of HTTP */
} cbx_frame_t;

/* a WebSocket text frame (RFC 6455 section 5.2: FIN, unmasked, shortest length) around `payload`; one
 * reference, the caller's */
cbx_frame_t *cbx_frame_text(const void *payload, size_t len);
/* the same around a payload that was compressed: RSV1 says so (RFC 7692 section 6) */
cbx_frame_t *cbx_frame_compressed(const void *payload, size_t len);
/* lends the payload of a frame (one, not a run) */
const uint8_t *cbx_frame_payload(const cbx_frame_t *frame, size_t *len);
/* `len` bytes to fill in before anybody else sees them: a run of whole frames; one reference, the caller's */
cbx_frame_t *cbx_frame_alloc(size_t len);
/* these bytes as they are; one reference, the caller's */
cbx_frame_t *cbx_frame_copy(const void *bytes, size_t len);
cbx_frame_t *cbx_frame_ref(cbx_frame_t *frame);
void cbx_frame_unref(cbx_frame_t *frame); /* NULL is harmless; any thread */

#endif
