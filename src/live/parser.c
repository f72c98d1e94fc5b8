/* parser.c -- wslay's contexts: what they are told, what they say, and who has one.
 *
 * Whether a session is between two messages wslay does not tell, so the bytes are counted: `ahead` is how
 * many belong to frames whose head was read, less those that were read. At 0, with the last fragment of a
 * message behind, nothing is in wslay's buffers.
 */
#include "live/parser.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "live/hub_inside.h"
#include "live/inbound.h"

/* bytes a frame may have beside its text (names, token, `since` of some hundred rooms), and bytes that one
 * byte of text may take in JSON (\u00e9) */
enum { FRAME_OVERHEAD = 8192, ESCAPED = 6 };

enum { IDLE_MAX = 64 }; /* parsers kept for later: half a megabyte a worker */

struct cbx_parser {
    wslay_event_context_ptr ctx;
    cbx_session_t *session; /* that has it */
    cbx_parser_t *next;     /* in the hub's list of those that somebody has, or nobody */
    int64_t ahead;          /* see above */
    bool fragmented;        /* a message whose last fragment has not come */
};

/* -- what wslay says -- */

static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, int flags, void *data)
{
    cbx_parser_t *p = data;
    h2o_buffer_t **input = &p->session->conn->sock->input;

    (void)flags;
    if ((*input)->size == 0) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    if (len > (*input)->size)
        len = (*input)->size;
    memcpy(buf, (*input)->bytes, len);
    h2o_buffer_consume(input, len);
    p->ahead -= (int64_t)len;
    return (ssize_t)len;
}

/* wslay's control frames join our queue. Where it ends a broken connection with an empty close frame, ours
 * says 1002. */
static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags, void *arg)
{
    static const uint8_t empty_close[] = {0x88, 0},
                         broken_close[] = {0x88, 2, CBX_PROTOCOL_ERROR >> 8, CBX_PROTOCOL_ERROR & 0xff};
    cbx_session_t *s = ((cbx_parser_t *)arg)->session;
    bool broken = s->broken && len == sizeof(empty_close) && memcmp(data, empty_close, len) == 0;
    cbx_frame_t *frame = cbx_frame_alloc(broken ? sizeof(broken_close) : len);

    (void)ctx, (void)flags;
    memcpy(frame->bytes, broken ? broken_close : data, frame->len);
    cbx_outbound_push(&s->out, frame);
    cbx_frame_unref(frame);
    cbx_hub_dirty(s->hub, s);
    return (ssize_t)len;
}

/* RFC 6455 section 5.2: two bytes, the longer lengths, and the mask that every client's frame has */
static int64_t frame_length(uint64_t payload)
{
    return (int64_t)payload + 6 + (payload > 65535 ? 8 : payload > 125 ? 2 : 0);
}

/* every frame counts, pings and the pieces of a message too */
static void on_frame(wslay_event_context_ptr ctx, const struct wslay_event_on_frame_recv_start_arg *arg,
                     void *data)
{
    cbx_parser_t *p = data;

    p->ahead += frame_length(arg->payload_length);
    if (!wslay_is_ctrl_frame(arg->opcode))
        p->fragmented = !arg->fin;
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

    return sock != NULL && p->ahead == 0 && !p->fragmented && sock->input->size == 0 &&
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
