/* wire.h -- the bytes of a connection, as an input of fuzz_frames spells them.
 *
 * Bytes that a fuzzer makes up are rarely two frames in a row: one wrong length, and what follows is nothing.
 * So an input may be a script of records, each of which becomes one frame with a head that fits, or lies in a
 * way that the record asks for:
 *
 *     first byte of the frame, how (the bits below), length of the payload, payload
 *
 * Without FUZZ_SCRIPT what follows the two bytes in front is the connection's bytes as they are.
 */
#ifndef cbx_fuzz_wire_h
#define cbx_fuzz_wire_h

#include "fuzz.h"

/* the first byte of an input */
enum { FUZZ_DEFLATES = 1, FUZZ_KNOWN = 2, FUZZ_SCRIPT = 4 };

/* `how` of a record */
enum {
    HOW_BARE = 1,      /* without a mask */
    HOW_MASKED = 2,    /* the mask is not 0 */
    HOW_LONG = 4,      /* the length takes two bytes at least */
    HOW_LONGER = 8,    /* ... eight; both: two, and one more than there is */
    HOW_STORED = 16,   /* the payload is one stored block (RFC 1951 section 3.2.4) */
    HOW_REPEATED = 32, /* 64 times */
    HOW_PAUSE = 64,    /* then the client waits until everything is answered */
    HOW_CUT = 128      /* the last byte does not come */
};

enum { WIRE_MAX = 48 * 1024, PAUSES_MAX = 64, REPEATED = 64, FRAME_MAX = 10 + 4 + 255 * REPEATED + 6 };

typedef struct wire {
    bool deflates, known;
    unsigned seed; /* of how it is cut */
    size_t len, pauses_len, pauses[PAUSES_MAX];
    uint8_t bytes[WIRE_MAX];
} wire_t;

static size_t wire_put_length(uint8_t *to, size_t len, unsigned how)
{
    bool lies = (how & HOW_LONG) != 0 && (how & HOW_LONGER) != 0;
    unsigned bytes = (how & HOW_LONGER) != 0 && !lies ? 8 : (how & HOW_LONG) != 0 || len > 125 ? 2 : 0;
    uint8_t mask = (how & HOW_BARE) != 0 ? 0 : 0x80;

    len += lies;
    to[0] = (uint8_t)(mask | (bytes == 8 ? 127 : bytes == 2 ? 126 : len));
    for (unsigned i = 0; i != bytes; ++i)
        to[1 + i] = (uint8_t)((uint64_t)len >> 8 * (bytes - 1 - i));
    return 1 + bytes;
}

static size_t wire_put_payload(uint8_t *to, const uint8_t *payload, size_t len, unsigned how)
{
    unsigned times = (how & HOW_REPEATED) != 0 ? REPEATED : 1;
    size_t all = len * times, at = 0;

    if ((how & HOW_STORED) != 0) {
        to[at++] = 0; /* not the last block, stored; its length, and that inverted */
        to[at++] = (uint8_t)all;
        to[at++] = (uint8_t)(all >> 8);
        to[at++] = (uint8_t)~all;
        to[at++] = (uint8_t)(~all >> 8);
    }
    for (; times != 0; --times, at += len)
        memcpy(to + at, payload, len);
    if ((how & HOW_STORED) != 0)
        to[at++] = 0; /* the head of the block whose rest is left out (RFC 7692 section 7.2.1) */
    return at;
}

static void wire_put_frame(wire_t *w, uint8_t first, unsigned how, const uint8_t *payload, size_t len)
{
    static uint8_t body[FRAME_MAX];
    uint8_t mask[4] = {0}, *to = w->bytes + w->len;
    size_t at = 1;

    len = wire_put_payload(body, payload, len, how);
    if (len + 14 > WIRE_MAX - w->len)
        return;
    to[0] = first;
    at += wire_put_length(to + at, len, how);
    if ((how & HOW_BARE) == 0) {
        for (unsigned i = 0; i != 4 && (how & HOW_MASKED) != 0; ++i)
            mask[i] = (uint8_t)(0x5a + 0x3b * i + w->len);
        memcpy(to + at, mask, 4);
        at += 4;
    }
    for (size_t i = 0; i != len; ++i)
        to[at++] = body[i] ^ mask[i % 4];
    w->len += at - ((how & HOW_CUT) != 0);
    if ((how & HOW_PAUSE) != 0 && w->pauses_len != PAUSES_MAX)
        w->pauses[w->pauses_len++] = w->len;
}

static void wire_read(wire_t *w, const uint8_t *data, size_t size)
{
    w->deflates = size > 0 && (data[0] & FUZZ_DEFLATES) != 0;
    w->known = size > 0 && (data[0] & FUZZ_KNOWN) != 0;
    w->seed = size > 1 ? data[1] : 0;
    w->len = w->pauses_len = 0;
    if (size > 2 && (data[0] & FUZZ_SCRIPT) == 0) {
        w->len = size - 2 < WIRE_MAX ? size - 2 : WIRE_MAX;
        memcpy(w->bytes, data + 2, w->len);
        return;
    }
    for (size_t at = 2; at + 3 <= size;) {
        size_t len = data[at + 2] < size - at - 3 ? data[at + 2] : size - at - 3;
        wire_put_frame(w, data[at], data[at + 1], data + at + 3, len);
        at += 3 + len;
    }
}

#endif
