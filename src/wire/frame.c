/* frame.c -- a frame is its WebSocket header and its payload in one piece of memory, counted atomically.
 * While there is one, somebody is to take it (base/memory.h). */
#include "wire/frame.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"

enum { FIN_TEXT = 0x81, RSV1 = 0x40, LEN_16 = 126, LEN_64 = 127 }; /* RFC 6455 section 5.2 */

cbx_frame_t *cbx_frame_alloc(size_t len)
{
    cbx_frame_t *frame;

    CBX_ASSERT(len <= UINT32_MAX);
    frame = cbx_alloc(sizeof(*frame) + len);
    cbx_memory_keep(len);
    atomic_init(&frame->refs, 1);
    frame->len = (uint32_t)len;
    return frame;
}

static size_t put_header(uint8_t *dst, uint8_t first, size_t len)
{
    size_t bytes = len < LEN_16 ? 0 : len <= UINT16_MAX ? 2 : 8;

    dst[0] = first;
    dst[1] = bytes == 0 ? (uint8_t)len : bytes == 2 ? LEN_16 : LEN_64;
    for (size_t i = 0; i != bytes; ++i)
        dst[2 + i] = (uint8_t)((uint64_t)len >> 8 * (bytes - 1 - i));
    return 2 + bytes;
}

static cbx_frame_t *make(uint8_t first, const void *payload, size_t len)
{
    uint8_t header[10];
    size_t header_len = put_header(header, first, len);
    cbx_frame_t *frame = cbx_frame_alloc(header_len + len);

    memcpy(frame->bytes, header, header_len);
    memcpy(frame->bytes + header_len, payload, len);
    return frame;
}

cbx_frame_t *cbx_frame_copy(const void *bytes, size_t len)
{
    cbx_frame_t *frame = cbx_frame_alloc(len);

    memcpy(frame->bytes, bytes, len);
    return frame;
}

cbx_frame_t *cbx_frame_text(const void *payload, size_t len)
{
    return make(FIN_TEXT, payload, len);
}

cbx_frame_t *cbx_frame_compressed(const void *payload, size_t len)
{
    return make(FIN_TEXT | RSV1, payload, len);
}

const uint8_t *cbx_frame_payload(const cbx_frame_t *frame, size_t *len)
{
    size_t header = frame->bytes[1] < LEN_16 ? 2 : frame->bytes[1] == LEN_16 ? 4 : 10;

    *len = frame->len - header;
    return frame->bytes + header;
}

cbx_frame_t *cbx_frame_ref(cbx_frame_t *frame)
{
    atomic_fetch_add_explicit(&frame->refs, 1, memory_order_relaxed);
    return frame;
}

void cbx_frame_unref(cbx_frame_t *frame)
{
    if (frame == NULL || atomic_fetch_sub_explicit(&frame->refs, 1, memory_order_acq_rel) != 1)
        return;
    cbx_memory_drop(frame->len);
    free(frame);
}
