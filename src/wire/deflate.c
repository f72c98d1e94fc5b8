/* deflate.c -- the only door to zlib: two streams that are set back before each message.
 *
 * A compressed message ends with an empty stored block whose four bytes 00 00 ff ff are left out on the way
 * (RFC 7692 section 7.2.1); whoever inflates it puts them back.
 */
#include "wire/deflate.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    LEVEL = 3,           /* a page of history, 10.8 KB: 24 % of it in 49 us; level 6 makes 22 % in 96 us */
    WINDOW = 15,         /* bits: what a client takes that says nothing else (RFC 7692 section 7.1.2) */
    MEMORY = 8,          /* zlib's default */
    PIECE = 4096,        /* bytes inflated at a time: a bomb is found out before it is large */
    BLOCK_END = 4,       /* 00 00 ff ff */
    BETWEEN_BLOCKS = 128 /* what inflate says in data_type */
};

struct cbx_deflate {
    z_stream out, in;
};

/* allocation is the only reason that zlib has to fail here */
static void must(int result)
{
    CBX_ASSERT(result == Z_OK);
}

cbx_deflate_t *cbx_deflate_create(void)
{
    cbx_deflate_t *deflate = cbx_zalloc(sizeof(*deflate));

    must(deflateInit2(&deflate->out, LEVEL, Z_DEFLATED, -WINDOW, MEMORY, Z_DEFAULT_STRATEGY));
    must(inflateInit2(&deflate->in, -WINDOW));
    return deflate;
}

void cbx_deflate_free(cbx_deflate_t *deflate)
{
    if (deflate == NULL)
        return;
    deflateEnd(&deflate->out);
    inflateEnd(&deflate->in);
    free(deflate);
}

/* compresses into `dst`; returns how many bytes without the block's end, or 0: they are not fewer */
static size_t compress_into(z_stream *stream, const uint8_t *payload, size_t len, uint8_t *dst)
{
    must(deflateReset(stream));
    stream->next_in = (Bytef *)payload;
    stream->avail_in = (uInt)len;
    stream->next_out = dst;
    stream->avail_out = (uInt)len;
    if (deflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_out == 0)
        return 0;
    return len - stream->avail_out - BLOCK_END;
}

cbx_frame_t *cbx_deflate_frame(cbx_deflate_t *deflate, cbx_frame_t *frame)
{
    size_t len, short_len;
    const uint8_t *payload = cbx_frame_payload(frame, &len);
    cbx_frame_t *compressed;
    uint8_t *dst;

    if (len < CBX_DEFLATE_MIN)
        return cbx_frame_ref(frame);
    dst = cbx_alloc(len);
    short_len = compress_into(&deflate->out, payload, len, dst);
    compressed = short_len != 0 ? cbx_frame_compressed(dst, short_len) : cbx_frame_ref(frame);
    free(dst);
    return compressed;
}

/* what is in `stream`, until it is used up */
static cbx_err_t inflate_piece(z_stream *stream, size_t limit, cbx_buf_t *out)
{
    int result;

    do {
        stream->next_out = (Bytef *)cbx_buf_reserve(out, PIECE);
        stream->avail_out = PIECE;
        result = inflate(stream, Z_SYNC_FLUSH);
        out->len += PIECE - stream->avail_out;
        if (out->len > limit)
            return CBX_ERR_TOO_LARGE;
        if (result == Z_STREAM_END) /* a last block; another may follow (section 7.2.3.4) */
            must(inflateReset(stream));
        else if (result != Z_OK && result != Z_BUF_ERROR)
            return CBX_ERR_BAD_FRAME;
    } while (stream->avail_out == 0 || (result == Z_STREAM_END && stream->avail_in != 0));
    return CBX_OK;
}

cbx_err_t cbx_inflate(cbx_deflate_t *deflate, const void *bytes, size_t len, size_t limit, cbx_buf_t *out)
{
    static const uint8_t block_end[BLOCK_END] = {0, 0, 0xff, 0xff};
    cbx_err_t err;

    must(inflateReset(&deflate->in));
    deflate->in.next_in = (Bytef *)bytes;
    deflate->in.avail_in = (uInt)len;
    if ((err = inflate_piece(&deflate->in, limit, out)) != CBX_OK)
        return err;
    deflate->in.next_in = (Bytef *)block_end;
    deflate->in.avail_in = sizeof(block_end);
    if ((err = inflate_piece(&deflate->in, limit, out)) != CBX_OK)
        return err;
    return (deflate->in.data_type & BETWEEN_BLOCKS) != 0 ? CBX_OK
                                                         : CBX_ERR_BAD_FRAME; /* else it was cut off */
}
