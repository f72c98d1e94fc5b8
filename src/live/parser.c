/* parser.c -- wslay's contexts: what they are told, what they say, and who has one.
 *
 * Whether a session is between two messages wslay does not tell; and of a close frame that comes in pieces
 * it checks only a part of the reason. So it gets the bytes frame by frame: the head of a frame at once, and
 * a control frame whole. `left` is what is to come of a frame whose head it has; with nothing left, nothing
 * held, and the last fragment of a message behind, nothing is in wslay's buffers.
 */
#include "live/parser.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/stats.h"
#include "live/hub_inside.h"
#include "live/inbound.h"

/* bytes a frame may have beside its text (names, token, `since` of some hundred rooms), and bytes that one
 * byte of text may take in JSON (\u00e9) */
enum { FRAME_OVERHEAD = 8192, ESCAPED = 6 };

enum { IDLE_MAX = 64 }; /* parsers kept for later: half a megabyte a worker */

/* RFC 6455 sections 5.2 and 5.5: two bytes, the longer lengths, the mask, what a control frame may carry */
enum { HEAD = 2, LENGTH_16 = 126, LENGTH_64 = 127, MASK = 4, CONTROL_MAX = 125 };

struct cbx_parser {
    wslay_event_context_ptr ctx;
    cbx_session_t *session;                  /* that has it */
    cbx_parser_t *next;                      /* in the hub's list of those that somebody has, or nobody */
    uint8_t held[HEAD + MASK + CONTROL_MAX]; /* the beginning of a frame, too little of it for wslay */
    size_t held_len;
    uint64_t left;      /* see above */
    uint8_t head[HEAD]; /* of a frame that wslay is sending */
    size_t head_len;
    bool fragmented; /* a message whose last fragment has not come */
    uint64_t
        size; /* bytes of the message so far, as the heads of its frames have them: so much wslay holds */
};

/* -- what wslay says -- */

static bool is_control(const uint8_t *head)
{
    return (head[0] & 0x8) != 0; /* RFC 6455 section 5.5 */
}

/* bytes that wslay gets together, as far as `head` tells by now */
static size_t together(const uint8_t *head, size_t len)
{
    size_t length;

    if (len < HEAD)
        return HEAD;
    length = head[1] & 0x7f;
    if (is_control(head)) /* wslay needs no more to refuse one that is too long */
        return HEAD + (length > CONTROL_MAX ? 0 : length + (head[1] & 0x80 ? MASK : 0));
    return HEAD + (length == LENGTH_64 ? 8 : length == LENGTH_16 ? 2 : 0);
}

/* bytes that follow such a head */
static uint64_t behind(const uint8_t *head, size_t len)
{
    uint64_t length = len > HEAD ? 0 : head[1] & 0x7f;

    if (is_control(head))
        return 0;
    for (size_t i = HEAD; i != len; ++i)
        length = length << 8 | head[i];
    return length + (head[1] & 0x80 ? MASK : 0);
}

static size_t take(h2o_buffer_t **input, uint8_t *to, size_t len)
{
    if (len > (*input)->size)
        len = (*input)->size;
    memcpy(to, (*input)->bytes, len);
    h2o_buffer_consume(input, len);
    return len;
}

static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, int flags, void *data)
{
    cbx_parser_t *p = data;
    h2o_buffer_t **input = &p->session->conn->sock->input;
    size_t want;

    (void)flags;
    while (p->left == 0 && p->held_len != (want = together(p->held, p->held_len)) && (*input)->size != 0)
        p->held_len += take(input, p->held + p->held_len, want - p->held_len);
    if (p->left == 0 && p->held_len == want) {
        CBX_ASSERT(want <= len); /* wslay's buffer has 4 KB, and by now it is empty */
        memcpy(buf, p->held, want);
        p->held_len = 0;
        p->left = behind(p->held, want);
        return (ssize_t)want;
    }
    if ((*input)->size == 0) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    len = take(input, buf, len < p->left ? len : (size_t)p->left);
    p->left -= len;
    return (ssize_t)len;
}

/* wslay's control frames join our queue, each as a whole: a queue that is dropped must not end behind a head.
 * Where it ends a broken connection with an empty close frame, ours says 1002. */
static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags, void *arg)
{
    static const uint8_t empty_close[] = {0x88, 0},
                         broken_close[] = {0x88, 2, CBX_PROTOCOL_ERROR >> 8, CBX_PROTOCOL_ERROR & 0xff};
    cbx_parser_t *p = arg;
    cbx_session_t *s = p->session;
    bool broken = s->broken && len == sizeof(empty_close) && memcmp(data, empty_close, len) == 0;
    size_t rest = broken ? sizeof(broken_close) : len;
    cbx_frame_t *frame;

    (void)ctx;
    if ((flags & WSLAY_MSG_MORE) != 0) { /* the head; what it carries is given right behind */
        CBX_ASSERT(len == sizeof(p->head));
        memcpy(p->head, data, len);
        p->head_len = len;
        return (ssize_t)len;
    }
    frame = cbx_frame_alloc(p->head_len + rest);
    memcpy(frame->bytes, p->head, p->head_len);
    memcpy(frame->bytes + p->head_len, broken ? broken_close : data, rest);
    p->head_len = 0;
    cbx_outbound_push(&s->out, frame);
    cbx_frame_unref(frame);
    cbx_hub_dirty(s->hub, s);
    return (ssize_t)len;
}

/* every frame counts, pings and the pieces of a message too */
static void on_frame(wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_start_arg *arg,
                     void *data)
{
    cbx_parser_t *p = data;

    if (!wslay_is_ctrl_frame(arg->opcode)) {
        p->fragmented = !arg->fin;
        p->size = arg->payload_length + (arg->opcode == WSLAY_CONTINUATION_FRAME ? p->size : 0);
    }
    if (cbx_inbound_admit(p->session))
        return;
    cbx_session_close(p->session, CBX_FLOOD);
    wslay_event_shutdown_read(ctx);
}

static void on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *arg, void *data)
{
    h2o_websocket_conn_t *conn = ((cbx_parser_t *)data)->session->conn;

    (void)ctx;
    conn->cb(conn, arg);
}

static const struct wslay_event_callbacks callbacks = {
    .recv_callback = on_recv,
    .send_callback = on_send,
    .on_frame_recv_start_callback = on_frame,
    .on_msg_recv_callback = on_message,
};

/* -- who has one -- */

size_t cbx_parser_limit(const cbx_hub_t *hub)
{
    return hub->local->settings->message_limit * ESCAPED + FRAME_OVERHEAD;
}

static cbx_parser_t *make(const cbx_hub_t *hub)
{
    cbx_parser_t *p = cbx_zalloc(sizeof(*p));

    if (wslay_event_context_server_init(&p->ctx, &callbacks, p) != 0)
        abort(); /* no memory, as in cbx_alloc */
    wslay_event_config_set_max_recv_msg_length(p->ctx, cbx_parser_limit(hub));
    return p;
}

void cbx_parser_wake(cbx_session_t *s)
{
    cbx_hub_t *hub = s->hub;
    cbx_parser_t *p = hub->parsers;

    if (s->parser != NULL)
        return;
    if (p != NULL) {
        hub->parsers = p->next;
        --hub->parsers_len;
    } else {
        p = make(hub);
    }
    wslay_event_config_set_allowed_rsv_bits(p->ctx, s->deflates ? WSLAY_RSV1_BIT : WSLAY_RSV_NONE);
    p->session = s;
    s->parser = p;
    s->conn->ws_ctx = p->ctx;
    p->next = hub->awake;
    hub->awake = p;
}

static void on_data(h2o_socket_t *sock, const char *err)
{
    h2o_websocket_conn_t *conn = sock->data;

    if (err != NULL) {
        conn->cb(conn, NULL);
        return;
    }
    cbx_parser_wake(conn->data);
    h2o_websocket_proceed(conn);
}

static bool is_between_messages(const cbx_parser_t *p)
{
    const h2o_socket_t *sock = p->session->conn->sock;

    return sock != NULL && p->held_len == 0 && p->left == 0 && !p->fragmented && sock->input->size == 0 &&
           wslay_event_want_read(p->ctx) && !wslay_event_want_write(p->ctx);
}

static void give_back(cbx_hub_t *hub, cbx_parser_t *p)
{
    cbx_session_t *s = p->session;

    s->parser = NULL;
    s->conn->ws_ctx = NULL;
    h2o_socket_read_start(s->conn->sock,
                          on_data); /* instead of H2O's own, which takes a context for granted */
    if (hub->parsers_len == IDLE_MAX) {
        cbx_parser_free(p);
        return;
    }
    p->session = NULL;
    p->next = hub->parsers;
    hub->parsers = p;
    ++hub->parsers_len;
}

void cbx_parser_rest(cbx_hub_t *hub)
{
    cbx_parser_t *still = NULL;

    for (cbx_parser_t *p; (p = hub->awake) != NULL;) {
        hub->awake = p->next;
        if (p->session->state == CBX_CLOSING || p->session->state == CBX_CLOSED)
            continue; /* the session keeps it to the end, which is near */
        if (is_between_messages(p)) {
            give_back(hub, p);
            continue;
        }
        p->next = still;
        still = p;
    }
    hub->awake = still;
}

void cbx_parser_relieve(cbx_hub_t *hub, size_t share)
{
    for (cbx_parser_t *p = hub->awake; p != NULL; p = p->next) {
        if (p->size <= share || p->session->conn->sock == NULL || is_between_messages(p))
            continue;
        CBX_COUNT(connections_cut, 1);
        cbx_session_cut(p->session);
    }
}

void cbx_parser_free(cbx_parser_t *p)
{
    if (p == NULL)
        return;
    wslay_event_context_free(p->ctx);
    free(p);
}

void cbx_parser_free_idle(cbx_hub_t *hub)
{
    for (cbx_parser_t *p; (p = hub->parsers) != NULL;) {
        hub->parsers = p->next;
        cbx_parser_free(p);
    }
}
