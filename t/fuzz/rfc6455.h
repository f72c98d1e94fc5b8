/* rfc6455.h -- a second reader of a client's bytes, written from RFC 6455 and RFC 7692, that has all of them
 * at once: what a server must make of them.
 *
 * Where the standards leave open which of several errors is named, or when, it is as early as the bytes
 * allow, and in the order of the sections: a frame's head (1002), the size of its message (1009), its text
 * (1007).
 */
#ifndef cbx_fuzz_rfc6455_h
#define cbx_fuzz_rfc6455_h

#include "outcome.h"
#include "utf8.h"
#include "wire.h"

#include "wire/deflate.h"
#include "wire/names.h"
#include "wire/token.h"

typedef struct reader6455 {
    const wire_t *wire;
    const cbx_settings_t *settings;
    cbx_deflate_t *deflate;
    size_t limit; /* of a message */
    size_t at, paused;
    bool fragmented, compressed, is_text;
    utf8_t utf8;
    uint8_t message[WIRE_MAX];
    size_t message_len;
    bool greeted, asking, open, has_token; /* of the session */
    outcome_t outcome;
} reader6455_t;

/* the head of a frame, and as much of what it carries as came, without its mask */
typedef struct frame6455 {
    unsigned opcode, rsv;
    bool fin, masked, control;
    size_t head_len;
    uint64_t len;
    size_t there;
    uint8_t payload[WIRE_MAX];
} frame6455_t;

enum { MORE, GOOD, WRONG };

static int read_head(const reader6455_t *r, frame6455_t *f)
{
    const uint8_t *p = r->wire->bytes + r->at;
    size_t left = r->wire->len - r->at, extra;

    if (left < 2)
        return MORE;
    f->fin = (p[0] & 0x80) != 0;
    f->rsv = p[0] >> 4 & 7;
    f->opcode = p[0] & 0xf;
    f->control = f->opcode >= 8;
    f->masked = (p[1] & 0x80) != 0;
    f->len = p[1] & 0x7f;
    if (f->control && f->len > 125)
        return WRONG;
    extra = f->len == 127 ? 8 : f->len == 126 ? 2 : 0;
    if (left < 2 + extra)
        return MORE;
    if (extra != 0)
        f->len = 0;
    for (size_t i = 0; i != extra; ++i)
        f->len = f->len << 8 | p[2 + i];
    if ((extra == 2 && f->len < 126) || (extra == 8 && (f->len <= 0xffff || f->len >> 63 != 0)))
        return WRONG; /* not the shortest form */
    f->head_len = 2 + extra + (f->masked ? 4 : 0);
    return left < f->head_len ? MORE : GOOD;
}

static void read_payload(const reader6455_t *r, frame6455_t *f)
{
    const uint8_t *p = r->wire->bytes + r->at + f->head_len, *mask = p - 4;
    size_t left = r->wire->len - r->at - f->head_len;

    f->there = left < f->len ? left : (size_t)f->len;
    for (size_t i = 0; i != f->there; ++i)
        f->payload[i] = p[i] ^ (f->masked ? mask[i % 4] : 0);
}

/* sections 5.2, 5.4 and 5.5 */
static bool head_is_good(const reader6455_t *r, const frame6455_t *f)
{
    unsigned rsv = r->wire->deflates && (f->opcode == 1 || f->opcode == 2) ? 4 : 0;

    if ((f->rsv & ~rsv) != 0 || !f->masked)
        return false;
    if (f->control)
        return f->fin && f->opcode <= 10;
    return r->fragmented ? f->opcode == 0 : f->opcode == 1 || f->opcode == 2;
}

static void close_with(reader6455_t *r, int code)
{
    r->outcome.close = code;
}

/* section 7.4: codes that may be sent */
static bool code_is_good(unsigned code)
{
    return (code >= 1000 && code <= 1011 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static void take_control(reader6455_t *r, const frame6455_t *f)
{
    utf8_t utf8 = {0};
    unsigned code;

    if (f->opcode == 9)
        ++r->outcome.pongs;
    if (f->opcode != 8)
        return;
    code = f->len >= 2 ? (unsigned)f->payload[0] << 8 | f->payload[1] : EMPTY_CLOSE;
    if (f->len > 2 && (!utf8_goes_on(&utf8, f->payload + 2, f->there - 2) || utf8.more != 0))
        close_with(r, CBX_BAD_DATA);
    else if (f->len == 1 || (f->len >= 2 && !code_is_good(code)))
        close_with(r, CBX_PROTOCOL_ERROR);
    else
        close_with(r, (int)code);
}

/* what the session makes of a request: src/PROTOCOL.md */
static void take_hello(reader6455_t *r, const cbx_request_t *req)
{
    cbx_token_t token;

    if (req->token.bytes != NULL
            ? cbx_token_verify(r->settings, req->token.bytes, req->token.len, 1, &token) != CBX_OK
            : !r->has_token && !r->open)
        close_with(r, CBX_BAD_TOKEN);
    else if (!r->asking)
        outcome_add(&r->outcome, CBX_CMD_HELLO, req);
    if (r->outcome.close != NO_CLOSE)
        return;
    r->has_token = r->greeted = r->asking = true;
}

static void take_request(reader6455_t *r, const char *text, size_t len)
{
    static const cbx_command_type_t commands[CBX_REQ_TYPES] = {[CBX_REQ_MESSAGE] = CBX_CMD_MESSAGE,
                                                               [CBX_REQ_EDIT] = CBX_CMD_EDIT,
                                                               [CBX_REQ_DELETE] = CBX_CMD_DELETE,
                                                               [CBX_REQ_TYPING] = CBX_CMD_TYPING,
                                                               [CBX_REQ_READ] = CBX_CMD_READ};
    cbx_request_t req;
    bool good = cbx_request_parse(text, len, r->settings->message_limit, &req) == CBX_OK;

    MUST(!good || req.text.bytes == NULL || req.text.len <= r->settings->message_limit);
    if (!r->greeted && (!good || req.type != CBX_REQ_HELLO))
        close_with(r, CBX_NO_HELLO);
    else if (good && req.type == CBX_REQ_HELLO)
        take_hello(r, &req);
    else if (good && req.type != CBX_REQ_PING)
        outcome_add(&r->outcome, commands[req.type], &req);
    cbx_request_dispose(&req);
}

static void take_message(reader6455_t *r)
{
    cbx_buf_t text = {NULL, 0, 0};
    cbx_err_t err = CBX_OK;

    if (!r->is_text) {
        close_with(r, CBX_UNSUPPORTED);
    } else if (!r->compressed) {
        take_request(r, (const char *)r->message, r->message_len);
    } else {
        err = cbx_inflate(r->deflate, r->message, r->message_len, r->limit, &text);
        if (err == CBX_ERR_TOO_LARGE)
            close_with(r, CBX_TOO_BIG);
        else if (err != CBX_OK || !cbx_utf8_valid(text.bytes, text.len))
            close_with(r, CBX_BAD_DATA);
        else
            take_request(r, text.bytes, text.len);
    }
    cbx_buf_dispose(&text);
}

static void take_data(reader6455_t *r, const frame6455_t *f)
{
    if (!r->fragmented) {
        r->is_text = f->opcode == 1;
        r->compressed = f->rsv != 0;
        r->message_len = 0;
        r->utf8 = (utf8_t){0};
    }
    if (r->message_len + f->len > r->limit) {
        close_with(r, CBX_TOO_BIG);
        return;
    }
    memcpy(r->message + r->message_len, f->payload, f->there);
    r->message_len += f->there;
    r->fragmented = !f->fin || f->there < f->len;
    if (r->is_text && !r->compressed &&
        (!utf8_goes_on(&r->utf8, f->payload, f->there) || (!r->fragmented && r->utf8.more != 0)))
        close_with(r, CBX_BAD_DATA);
    else if (!r->fragmented)
        take_message(r);
}

/* the client has waited for everything to be answered, a hello by a welcome */
static void pass_pauses(reader6455_t *r, size_t before)
{
    for (; r->paused != r->wire->pauses_len && r->wire->pauses[r->paused] < before; ++r->paused)
        if (r->asking) {
            r->asking = false;
            r->open = true;
        }
}

/* false: this is the end, or more would have to come */
static bool read_frame(reader6455_t *r)
{
    static frame6455_t f;
    int head = read_head(r, &f);

    if (head == WRONG)
        close_with(r, CBX_PROTOCOL_ERROR);
    if (head != GOOD)
        return false;
    read_payload(r, &f);
    if (f.there < f.len && (f.control || f.there == 0))
        return false; /* it may be wrong, but nobody can be blamed for waiting */
    pass_pauses(r, r->at + f.head_len + f.there);
    if (!head_is_good(r, &f))
        close_with(r, CBX_PROTOCOL_ERROR);
    else if (f.control)
        take_control(r, &f);
    else
        take_data(r, &f);
    r->at += f.head_len + f.there;
    return r->outcome.close == NO_CLOSE && f.there == f.len;
}

static outcome_t rfc6455_read(const wire_t *wire, const cbx_settings_t *settings, cbx_deflate_t *deflate,
                              size_t limit)
{
    static reader6455_t r;

    memset(&r, 0, sizeof(r));
    r.wire = wire;
    r.settings = settings;
    r.deflate = deflate;
    r.limit = limit;
    r.has_token = wire->known;
    r.outcome.close = NO_CLOSE;
    while (read_frame(&r))
        ;
    return r.outcome;
}

#endif
