/* session.c -- one WebSocket, between wslay and the core.
 *
 * wslay (parser.h) reads and checks frames (RFC 6455) and makes pongs and close frames, which leave through
 * our own queue, with the shared frames; so the order is that of the queue, and the queue has a bound.
 * h2o_websocket_proceed uses the connection after a callback: nothing here frees, everything marks.
 */
#include "live/session.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/stats.h"
#include "live/hub_inside.h"
#include "live/inbound.h"
#include "wire/names.h"

/* bytes that the kernel may hold unsent: else a stopped reader hides in 4 MB of its buffers */
enum { NOTSENT_LOWAT = 131072 };

/* times outbound-limit, and pieces, that may wait for a moment, see PATIENCE_MS of hub.c */
enum { BURST_LIMITS = 16, PIECES_MAX = 16384 };

/* when to come back after bye: spread, so that not all come at once */
enum { AGAIN_MS_MIN = 500, AGAIN_MS_SPREAD = 4000 };

static const uint8_t may_become[] = {
    [CBX_GREETING] = 1 << CBX_OPEN | 1 << CBX_CLOSING | 1 << CBX_CLOSED,
    [CBX_OPEN] = 1 << CBX_CLOSING | 1 << CBX_CLOSED,
    [CBX_CLOSING] = 1 << CBX_CLOSED,
    [CBX_CLOSED] = 0,
};

static void move(cbx_session_t *s, cbx_session_state_t to)
{
    CBX_ASSERT((may_become[s->state] & 1 << to) != 0);
    s->state = (uint8_t)to;
}

static void set_timer(cbx_session_t *s, h2o_timeout_t *list)
{
    h2o_timeout_unlink(&s->timer);
    h2o_timeout_link(s->hub->local->ctx.loop, list, &s->timer);
    s->timer_set_at = (uint32_t)cbx_clock_steady();
}

/* -- the end -- */

void cbx_session_cut(cbx_session_t *s)
{
    cbx_command_t *gone;

    if (s->state == CBX_CLOSED)
        return;
    move(s, CBX_CLOSED);
    h2o_timeout_unlink(&s->timer);
    if (s->greeted) {
        gone = cbx_command_new(CBX_CMD_GONE);
        gone->session = s->id;
        cbx_core_submit(s->hub->local->core, gone);
    }
    cbx_hub_forget(s->hub, s);
}

void cbx_session_free(cbx_session_t *s)
{
    CBX_ASSERT(s->state == CBX_CLOSED && s->places_len == 0);
    s->conn->ws_ctx = NULL; /* the parser's */
    h2o_websocket_close(s->conn);
    cbx_parser_free(s->parser);
    cbx_outbound_dispose(&s->out);
    free(s->places);
    free(s->token);
    free(s);
}

void cbx_session_close(cbx_session_t *s, uint16_t code)
{
    if (s->state == CBX_CLOSING || s->state == CBX_CLOSED)
        return;
    move(s, CBX_CLOSING);
    if (code == CBX_TOO_SLOW)
        cbx_outbound_drop(&s->out);
    if (s->conn->sock == NULL) { /* the upgrade is not through: H2O still holds the connection */
        s->finished = true;
        return;
    }
    cbx_parser_wake(s);
    wslay_event_queue_close(s->conn->ws_ctx, code, NULL, 0);
    wslay_event_send(s->conn->ws_ctx);
    set_timer(s, &s->hub->linger);
}

void cbx_session_tell(cbx_session_t *s, cbx_json_t *json)
{
    size_t len;
    const char *bytes = cbx_json_bytes(json, &len);
    cbx_frame_t *frame = cbx_frame_text(bytes, len);

    cbx_session_push(s, frame);
    cbx_frame_unref(frame);
}

void cbx_session_bye(cbx_session_t *s)
{
    cbx_json_t *json = s->hub->json;

    if (s->state == CBX_OPEN) {
        cbx_json_begin(json);
        cbx_put_bye(json, AGAIN_MS_MIN + rand_r(&s->hub->seed) % AGAIN_MS_SPREAD);
        cbx_session_tell(s, json);
    }
    cbx_session_close(s, CBX_GOING_AWAY);
}

/* -- slowness. Who has more than outbound-limit waiting when the socket takes no more has a second to read
 * it. -- */

static void let_go(cbx_session_t *s)
{
    CBX_COUNT(sessions_slow, 1);
    cbx_session_close(s, CBX_TOO_SLOW);
}

/* More waits than a moment excuses: in bytes, or in pieces, since small ones (pongs) cost more than their
 * bytes. Who has not even said hello has nothing to wait for. */
static bool is_hopeless(const cbx_session_t *s)
{
    size_t limit = s->hub->local->settings->outbound_limit, waiting = cbx_outbound_waiting(&s->out);

    if (s->state == CBX_GREETING || cbx_outbound_pieces(&s->out) > PIECES_MAX)
        return waiting > limit;
    return s->slow && waiting > BURST_LIMITS * limit;
}

static void judge(cbx_session_t *s)
{
    bool slow = cbx_outbound_waiting(&s->out) > s->hub->local->settings->outbound_limit;

    if (slow == s->slow || s->state != CBX_OPEN)
        return;
    s->slow = slow;
    set_timer(s, slow ? &s->hub->patience : &s->hub->ping);
}

/* -- what wslay says -- */

/* the socket is gone, or nothing more is to be read: both sides have said close, or wslay has refused what
 * came */
static void on_end(cbx_session_t *s)
{
    if (s->parser == NULL) {
        cbx_session_cut(s);
        return;
    }
    if (s->conn->sock != NULL && !wslay_event_get_read_enabled(s->conn->ws_ctx) &&
        !wslay_event_get_close_sent(s->conn->ws_ctx)) {
        s->broken = true; /* a frame that wslay could not read: it has queued a close and given up */
        wslay_event_send(s->conn->ws_ctx);
    }
    if (s->conn->sock == NULL || !wslay_event_get_close_sent(s->conn->ws_ctx)) {
        cbx_session_cut(s);
        return;
    }
    if (s->state != CBX_CLOSED && !s->finished) {
        if (s->state != CBX_CLOSING)
            move(s, CBX_CLOSING);
        set_timer(s, &s->hub->linger);
        h2o_socket_read_stop(s->conn->sock);
        s->finished = true;
        cbx_hub_dirty(s->hub, s);
    }
}

static void take_compressed(cbx_session_t *s, const struct wslay_event_on_msg_recv_arg *arg)
{
    cbx_buf_t text = {NULL, 0, 0};
    cbx_err_t err = cbx_inflate(s->hub->deflate, arg->msg, arg->msg_length, cbx_parser_limit(s->hub), &text);

    if (err == CBX_ERR_TOO_LARGE)
        cbx_session_close(s, CBX_TOO_BIG);
    else if (err != CBX_OK || !cbx_utf8_valid(text.bytes, text.len))
        cbx_session_close(s, CBX_BAD_DATA);
    else
        cbx_inbound_text(s, text.bytes, text.len);
    cbx_buf_dispose(&text);
}

static void take_text(cbx_session_t *s, const struct wslay_event_on_msg_recv_arg *arg)
{
    if (wslay_get_rsv1(arg->rsv))
        take_compressed(s, arg);
    else
        cbx_inbound_text(s, (const char *)arg->msg, arg->msg_length);
}

static void on_message(h2o_websocket_conn_t *conn, const struct wslay_event_on_msg_recv_arg *arg)
{
    cbx_session_t *s = conn->data;

    if (arg == NULL) {
        on_end(s);
        return;
    }
    s->heard_at = cbx_clock_steady();
    s->pinged = false;
    if (arg->opcode == WSLAY_CONNECTION_CLOSE && arg->msg_length == 1)
        s->broken = true; /* half a code (RFC 6455 section 5.5.1) */
    if (arg->opcode == WSLAY_CONNECTION_CLOSE && s->state != CBX_CLOSING && s->state != CBX_CLOSED) {
        move(s, CBX_CLOSING); /* wslay answers it, behind what waits */
        set_timer(s, &s->hub->linger);
    }
    if (wslay_event_want_write(s->conn->ws_ctx))
        wslay_event_send(
            s->conn->ws_ctx); /* a pong or close frame: in our queue it is bounded, and in order */
    if (s->state == CBX_CLOSING || s->state == CBX_CLOSED)
        return;
    if (is_hopeless(s))
        let_go(s);
    else if (arg->opcode == WSLAY_BINARY_FRAME)
        cbx_session_close(s, CBX_UNSUPPORTED);
    else if (arg->opcode == WSLAY_TEXT_FRAME)
        take_text(s, arg);
}

/* -- time -- */

/* asked who has been quiet for half an interval; two intervals after the last sign of life he is gone at the
 * latest, for this is looked at twice an interval */
static void ask_or_cut(cbx_session_t *s, int64_t quiet, int64_t interval)
{
    static const uint8_t ping[] = {0x89, 0}; /* RFC 6455 section 5.5.2 */
    cbx_frame_t *frame;

    if (s->pinged && quiet >= interval + interval / 2) {
        cbx_session_cut(s); /* it does not answer */
        return;
    }
    if (!s->pinged && quiet >= interval / 2) {
        s->pinged = true;
        frame = cbx_frame_copy(ping, sizeof(ping));
        cbx_session_push(s, frame);
        cbx_frame_unref(frame);
    }
    set_timer(s, &s->hub->ping);
}

/* in which its timer is */
static h2o_timeout_t *list_of(const cbx_session_t *s)
{
    if (s->state == CBX_OPEN)
        return s->slow ? &s->hub->patience : &s->hub->ping;
    return s->state == CBX_GREETING ? &s->hub->hello : &s->hub->linger;
}

static void on_timer(h2o_timeout_entry_t *entry)
{
    cbx_session_t *s = H2O_STRUCT_FROM_MEMBER(cbx_session_t, timer, entry);
    int64_t interval = (int64_t)s->hub->local->settings->ping_interval * 1000, now = cbx_clock_steady();

    if ((uint32_t)now - s->timer_set_at < list_of(s)->timeout / 2) { /* the wall clock was set forward */
        set_timer(s, list_of(s));
        return;
    }
    if (s->conn->sock == NULL) { /* H2O is still writing its answer to the upgrade, and ends that by itself */
        set_timer(s, &s->hub->hello);
        return;
    }
    if (s->state == CBX_GREETING && s->asking) {
        set_timer(s, &s->hub->hello); /* the core has not got to it yet */
    } else if (s->state == CBX_GREETING) {
        cbx_session_close(s, CBX_NO_HELLO);
    } else if (s->state == CBX_OPEN && (s->slow || cbx_outbound_stuck(&s->out, now) >= interval)) {
        let_go(s);
    } else if (s->state == CBX_CLOSING) {
        cbx_session_cut(s);
    } else if (s->expires_at <= cbx_clock_wall() / 1000) {
        cbx_session_close(s, CBX_BAD_TOKEN);
    } else {
        ask_or_cut(s, now - s->heard_at, interval);
    }
}

/* -- life -- */

cbx_session_t *cbx_session_create(cbx_hub_t *hub, h2o_req_t *req, const char *key, const cbx_token_t *token,
                                  bool deflate, uint64_t id)
{
    cbx_session_t *s = cbx_zalloc(sizeof(*s));
    h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);
    int lowat = NOTSENT_LOWAT;

    s->id = id;
    s->hub = hub;
    s->fd = sock->ssl == NULL ? h2o_socket_get_fd(sock) : -1;
    s->deflates = deflate;
    s->heard_at = cbx_clock_steady();
    cbx_inbound_start(s);
    if (token != NULL)
        cbx_session_take_token(s, token);
    setsockopt(h2o_socket_get_fd(sock), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &lowat, sizeof(lowat));
    s->timer.cb = on_timer;
    s->conn = h2o_upgrade_to_websocket(req, key, s, on_message);
    wslay_event_context_free(s->conn->ws_ctx);
    cbx_parser_wake(s);
    set_timer(s, &hub->hello);
    return s;
}

void cbx_session_take_token(cbx_session_t *s, const cbx_token_t *token)
{
    if (s->token == NULL)
        s->token = cbx_alloc(sizeof(*s->token));
    *s->token = *token;
}

/* -- what the core says -- */

/* the frame as this connection takes it; the caller's reference */
static cbx_frame_t *as_it_goes(const cbx_session_t *s, cbx_frame_t *frame)
{
    return s->deflates ? cbx_deflate_frame(s->hub->deflate, frame) : cbx_frame_ref(frame);
}

void cbx_session_welcome(cbx_session_t *s, cbx_frame_t *frame)
{
    s->asking = false;
    if (s->token != NULL)
        s->expires_at = s->token->expires_at;
    free(s->token); /* the core has it */
    s->token = NULL;
    if (s->state == CBX_GREETING) {
        move(s, CBX_OPEN);
        set_timer(s, &s->hub->ping);
    }
    cbx_session_snapshot(s, frame);
}

void cbx_session_snapshot(cbx_session_t *s, cbx_frame_t *frame)
{
    if (s->state != CBX_OPEN)
        return;
    frame = as_it_goes(s, frame);
    cbx_outbound_push_exempt(&s->out, frame);
    cbx_frame_unref(frame);
    cbx_hub_dirty(s->hub, s);
}

void cbx_session_give(cbx_session_t *s, cbx_frame_t *frame)
{
    frame = as_it_goes(s, frame);
    cbx_session_push(s, frame);
    cbx_frame_unref(frame);
}

bool cbx_session_takes_news(const cbx_session_t *s)
{
    return cbx_outbound_waiting(&s->out) <= s->hub->local->settings->outbound_limit / 2;
}

void cbx_session_push(cbx_session_t *s, cbx_frame_t *frame)
{
    if (s->state == CBX_CLOSING || s->state == CBX_CLOSED)
        return;
    if (is_hopeless(s)) {
        let_go(s);
        return;
    }
    cbx_outbound_push(&s->out, frame);
    cbx_hub_dirty(s->hub, s);
}

static void on_written(h2o_socket_t *sock, const char *err)
{
    h2o_websocket_conn_t *conn = sock->data;
    cbx_session_t *s = conn->data;

    if (err != NULL) {
        cbx_session_cut(s);
        return;
    }
    cbx_outbound_written(&s->out);
    if (s->state != CBX_CLOSED && !s->finished && s->parser != NULL)
        h2o_websocket_proceed(conn); /* what wslay could not say while we wrote */
    cbx_session_write(s);            /* at once: the loop goes on until the kernel takes no more */
}

void cbx_session_sent(cbx_session_t *s, cbx_frame_t *frame, ssize_t sent)
{
    switch (cbx_outbound_sent(&s->out, frame, sent)) {
    case CBX_WRITE_DONE:
        break;
    case CBX_WRITE_PENDING:
        cbx_hub_dirty(s->hub, s);
        break;
    case CBX_WRITE_FAILED:
        cbx_session_cut(s);
        break;
    }
}

static void on_discard(h2o_socket_t *sock, const char *err)
{
    h2o_buffer_consume(&sock->input, sock->input->size);
    if (err != NULL)
        cbx_session_cut(((h2o_websocket_conn_t *)sock->data)->data);
}

/* All is written. Closing now, with bytes of the peer unread, would reset the connection and could take our
 * close frame with it; so unless he has closed too, we read on, and throw away, until he does or the linger
 * is over. */
static void finish(cbx_session_t *s)
{
    if (wslay_event_get_close_received(s->conn->ws_ctx)) {
        cbx_session_cut(s);
        return;
    }
    shutdown(h2o_socket_get_fd(s->conn->sock), SHUT_WR);
    h2o_socket_read_start(s->conn->sock, on_discard);
}

void cbx_session_write(cbx_session_t *s)
{
    if (s->state == CBX_CLOSED || s->conn->sock == NULL)
        return;
    switch (cbx_outbound_write(&s->out, s->conn->sock, on_written)) {
    case CBX_WRITE_DONE:
        if (s->finished)
            finish(s);
        break;
    case CBX_WRITE_PENDING:
        break;
    case CBX_WRITE_FAILED:
        cbx_session_cut(s);
        return;
    }
    judge(s);
}
