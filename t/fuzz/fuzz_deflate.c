/* fuzz_deflate.c -- permessage-deflate: what we compress, and any bytes as what somebody else did.
 *
 * Held here: a frame that we compress is shorter, and any client that inflates it, in pieces of any size, has
 * what it was before; any bytes inflate to no more than the limit, whatever they promise, twice to the same,
 * and to what zlib makes of them; and no message leaves anything to the next.
 */
#include "fuzz.h"

#include <zlib.h>

#include "wire/deflate.h"

/* the first byte of an input: to be compressed; 1 to 64 times; the rest is how large the client's pieces are
 */
enum { COMPRESS = 1, MANY_SHIFT = 1, MANY_MASK = 3, PIECE_SHIFT = 4 };

enum { BOUND = 64 * 1024, SLACK = 4096 + 1 }; /* inflate works in pieces of 4,096 bytes */

static cbx_deflate_t *fuzz_deflate(void)
{
    static cbx_deflate_t *deflate;

    return deflate = deflate != NULL ? deflate : cbx_deflate_create();
}

/* as a client would, straight by zlib; false: it is malformed, or has more than `limit` bytes */
static bool inflate_by_zlib(const uint8_t *bytes, size_t len, size_t piece, uint8_t *out, size_t limit,
                            size_t *n)
{
    static const uint8_t tail[4] = {0, 0, 0xff, 0xff};
    z_stream z = {0};
    int result = Z_OK;

    MUST(inflateInit2(&z, -15) == Z_OK);
    z.next_out = out;
    z.avail_out = (uInt)limit;
    for (size_t at = 0; at != len + sizeof(tail) && result == Z_OK;) {
        const uint8_t *from = at < len ? bytes + at : tail + (at - len);
        size_t left = at < len ? len - at : len + sizeof(tail) - at;
        z.next_in = (Bytef *)from;
        z.avail_in = (uInt)(piece < left ? piece : left);
        result = inflate(&z, Z_SYNC_FLUSH);
        at += (size_t)(z.next_in - from);
        if (result == Z_STREAM_END) /* RFC 7692 section 7.2.3.4: more blocks may follow */
            result = inflateReset(&z);
        if (result == Z_BUF_ERROR && z.avail_out != 0)
            result = Z_OK;
    }
    *n = limit - z.avail_out;
    inflateEnd(&z);
    return result == Z_OK && (z.data_type & 128) != 0; /* it ends between two blocks */
}

static void must_be_what_it_was(const cbx_frame_t *frame, const uint8_t *was, size_t len, size_t piece)
{
    uint8_t *out = malloc(len);
    cbx_buf_t text = {NULL, 0, 0};
    size_t n, short_len;
    const uint8_t *payload = cbx_frame_payload(frame, &short_len);

    MUST(frame->bytes[0] == 0xc1 && short_len < len);
    MUST(inflate_by_zlib(payload, short_len, piece, out, len, &n));
    MUST(n == len && memcmp(out, was, len) == 0);
    MUST(cbx_inflate(fuzz_deflate(), payload, short_len, len, &text) == CBX_OK);
    MUST(text.len == len && memcmp(text.bytes, was, len) == 0);
    cbx_buf_dispose(&text);
    MUST(cbx_inflate(fuzz_deflate(), payload, short_len, len - 1, &text) == CBX_ERR_TOO_LARGE);
    cbx_buf_dispose(&text);
    free(out);
}

static void compress_many(const uint8_t *data, size_t size, unsigned many, size_t piece)
{
    size_t times = (size_t)1 << 2 * many, len = size * times;
    uint8_t *text = malloc(len + 1);
    cbx_frame_t *frame, *compressed;

    for (size_t i = 0; i != times; ++i)
        memcpy(text + i * size, data, size);
    frame = cbx_frame_text(text, len);
    compressed = cbx_deflate_frame(fuzz_deflate(), frame);
    MUST(compressed == frame || len >= CBX_DEFLATE_MIN);
    if (compressed != frame)
        must_be_what_it_was(compressed, text, len, piece);
    cbx_frame_unref(compressed);
    cbx_frame_unref(frame);
    free(text);
}

static cbx_err_t inflate_bounded(const uint8_t *data, size_t size, size_t limit, cbx_buf_t *text)
{
    cbx_err_t err = cbx_inflate(fuzz_deflate(), data, size, limit, text);

    MUST(err == CBX_OK || err == CBX_ERR_TOO_LARGE || err == CBX_ERR_BAD_FRAME);
    MUST(text->len <= limit + SLACK && text->cap <= 2 * (limit + SLACK));
    MUST(err != CBX_OK || text->len <= limit);
    MUST(err != CBX_ERR_TOO_LARGE || text->len > limit);
    return err;
}

static void inflate_any(const uint8_t *data, size_t size, size_t piece)
{
    static uint8_t out[BOUND + 1];
    cbx_buf_t small = {NULL, 0, 0}, text = {NULL, 0, 0};
    cbx_err_t err = inflate_bounded(data, size, BOUND, &text), small_err;
    size_t n, limit = size * 3;
    bool good = inflate_by_zlib(data, size, piece, out, sizeof(out), &n);

    MUST((err == CBX_OK) == (good && n <= BOUND));
    MUST(err != CBX_OK || (n == text.len && (n == 0 || memcmp(out, text.bytes, n) == 0)));
    limit = limit < BOUND ? limit : BOUND;
    small_err = inflate_bounded(data, size, limit, &small);
    MUST(err != CBX_OK || (small_err == CBX_OK) == (text.len <= limit));
    MUST(small.len == 0 || memcmp(small.bytes, text.bytes, small.len < text.len ? small.len : text.len) == 0);
    cbx_buf_dispose(&text);
    cbx_buf_dispose(&small);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t piece;

    if (size == 0)
        return 0;
    piece = (size_t)1 << (data[0] >> PIECE_SHIFT);
    if ((data[0] & COMPRESS) == 0)
        inflate_any(data + 1, size - 1, piece);
    else if (size < 1024)
        compress_many(data + 1, size - 1, data[0] >> MANY_SHIFT & MANY_MASK, piece);
    else
        compress_many(data + 1, size - 1, 0, piece);
    return 0;
}
