/* connection.h -- one worker with a hub and no core: what a client's bytes become on their way to the core.
 *
 * The HTTP server of H2O, our gate, handshake, session, parser and inbound are the real ones, on one end of a
 * socket pair; the fuzzer has the other. At the core's door the commands are counted and thrown away; a hello
 * is answered when the fuzzer says so. /open is a WebSocket for who asks for it, /ws the real door, and what
 * else passes the gate comes to `server.on_passed`.
 */
#ifndef cbx_fuzz_connection_h
#define cbx_fuzz_connection_h

#include "outcome.h"

#include <errno.h>
#include <h2o.h>
#include <h2o/http1.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chat/state.h"
#include "http/http.h"
#include "http/watch.h"
#include "live/hub_inside.h"
#include "wire/names.h"

enum { SAID_MAX = 1 << 20, IDLE_ROUNDS = 2 };

/* all that there is of a server; made once */
static struct server {
    h2o_globalconf_t global;
    h2o_hostconf_t *host;
    h2o_accept_ctx_t accept;
    cbx_settings_t settings;
    cbx_core_t core;
    cbx_local_t local;
    cbx_deflate_t *deflate; /* to read what the server says */
    bool deflates, known;   /* of the next connection */
    void (*on_passed)(h2o_req_t *req);
} server;

/* a client, and what came of it */
static struct client {
    int fd;
    bool speaks_websocket; /* or else it is not listened to what the server says */
    bool upgraded, gone;
    h2o_socket_t *sock; /* the server's end */
    size_t sent;        /* bytes */
    uint64_t asking;    /* the session whose hello waits; 0: none */
    outcome_t outcome;
    uint64_t said; /* digest of what the server said, less the time of day */
    uint8_t *in;   /* what it says, and is not read yet */
    size_t in_len;
} client;

static const char handshake[] =
    "GET /open HTTP/1.1\r\nHost: chat\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

static int on_open(h2o_handler_t *self, h2o_req_t *req)
{
    static const cbx_token_t token = {.user_id = 7, .name = "ada", .jti = "0", .expires_at = CBX_ID_MAX - 1};

    (void)self;
    if (req->version != 0x101 || req->upgrade.base == NULL)
        return -1;
    cbx_watch_upgraded(req->conn->callbacks->get_socket(req->conn));
    cbx_hub_upgrade(server.local.hub, req, "dGhlIHNhbXBsZSBub25jZQ==", server.known ? &token : NULL,
                    server.deflates);
    return 0;
}

static int on_other(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    if (server.on_passed != NULL)
        server.on_passed(req);
    req->res.status = 200;
    req->res.content_length = 0;
    h2o_send_inline(req, "", 0);
    return 0;
}

static void nobody_wakes(void *arg)
{
    (void)arg;
}

static void server_settings(cbx_settings_t *settings)
{
    static char origin[] = "https://app.example", *origins[] = {origin, NULL};
    static char secret[] = "chatterbox-fuzz-secret-0123456789"; /* the seeds in corpus/frames and corpus/http
                                                                   are signed with it */

    *settings = (cbx_settings_t){.token_secret = secret,
                                 .token_secret_len = sizeof(secret) - 1,
                                 .token_lifetime = 604800,
                                 .compress = true,
                                 .allowed_origins = origins,
                                 .message_limit = 64,
                                 .outbound_limit = SAID_MAX,
                                 .hello_timeout = 3600,
                                 .ping_interval = 3600};
}

static h2o_handler_t *add_path(const char *path)
{
    return h2o_create_handler(h2o_config_register_path(server.host, path, 0), sizeof(h2o_handler_t));
}

static void server_start(void)
{
    if (server.host != NULL)
        return;
    server_settings(&server.settings);
    h2o_config_init(&server.global);
    server.global.http1.upgrade_to_http2 = 0; /* as in src/server/config.c */
    server.host = h2o_config_register_host(&server.global, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    add_path("/open")->on_req = on_open;
    cbx_http_register_websocket(h2o_config_register_path(server.host, "/ws", 0));
    add_path("/")->on_req = on_other;
    cbx_http_register_gate(server.host);
    h2o_context_init(&server.local.ctx, h2o_evloop_create(), &server.global);
    server.accept = (h2o_accept_ctx_t){.ctx = &server.local.ctx, .hosts = server.global.hosts};
    server.core.settings = server.local.settings = &server.settings;
    cbx_mailbox_init(&server.core.mailbox, nobody_wakes, NULL);
    cbx_mailbox_init(&server.local.mailbox, nobody_wakes, NULL);
    server.local.core = &server.core;
    server.local.hub = cbx_hub_create(&server.local);
    server.local.watch = cbx_watch_create(&server.local.ctx, 3600);
    server.deflate = cbx_deflate_create();
    client.in = malloc(SAID_MAX);
}

/* -- the core's door -- */

static void must_be_good_text(const cbx_str_t *s)
{
    MUST(s->bytes == NULL || cbx_utf8_valid(s->bytes, s->len));
}

static void take_command(cbx_command_t *cmd)
{
    MUST(!client.gone); /* who is gone says nothing more */
    MUST(client.outcome.close == NO_CLOSE || cmd->type == CBX_CMD_GONE);
    if (cmd->type == CBX_CMD_GONE) {
        client.gone = true;
    } else {
        must_be_good_text(&cmd->req.cid);
        must_be_good_text(&cmd->req.text);
        must_be_good_text(&cmd->req.token);
        must_be_good_text(&cmd->req.epoch);
        outcome_add(&client.outcome, cmd->type, &cmd->req);
    }
    if (cmd->type == CBX_CMD_HELLO)
        client.asking = cmd->session;
    cbx_command_free(cmd);
}

static bool take_commands(void)
{
    cbx_command_t *cmd;

    cbx_mailbox_deliver(&server.core.mailbox, &server.core);
    if (server.core.waiting == NULL)
        return false;
    while ((cmd = server.core.waiting) != NULL) {
        server.core.waiting = (cbx_command_t *)cmd->mail.next;
        take_command(cmd);
    }
    return true;
}

/* a welcome of some length, so that it is worth compressing */
static inline void answer_hello(void)
{
    static char text[600];
    cbx_batch_t *batch;

    if (client.asking == 0)
        return;
    memset(text, 'w', sizeof(text));
    batch = cbx_batch_new();
    cbx_batch_add(batch, (cbx_row_t){.kind = CBX_ROW_WELCOME,
                                     .session = client.asking,
                                     .room = CBX_GENERAL,
                                     .frame = cbx_frame_text(text, sizeof(text))});
    server.core.outlets[0].deliver(batch, server.core.outlets[0].arg);
    cbx_hub_flush(server.local.hub);
    client.asking = 0;
}

/* -- what the server says -- */

static void read_text(const uint8_t *payload, size_t len, bool compressed)
{
    static const char pong[] = "{\"type\":\"pong\"";
    cbx_buf_t text = {NULL, 0, 0};

    if (compressed) {
        MUST(server.deflates);
        MUST(cbx_inflate(server.deflate, payload, len, SAID_MAX, &text) == CBX_OK);
        payload = (const uint8_t *)text.bytes;
        len = text.len;
    }
    MUST(cbx_utf8_valid((const char *)payload, len));
    if (len >= sizeof(pong) - 1 && memcmp(payload, pong, sizeof(pong) - 1) == 0)
        len = sizeof(pong) - 1; /* behind that is the time */
    client.said = mix(client.said, payload, len);
    cbx_buf_dispose(&text);
}

/* a whole frame of the server's, in which nothing may be wrong */
static void read_said(uint8_t first, const uint8_t *payload, size_t len)
{
    MUST(client.outcome.close == NO_CLOSE); /* nothing comes behind a close frame */
    client.said = mix(client.said, &first, 1);
    if (first == 0x88) {
        MUST(len == 0 || (len >= 2 && len <= 125 && cbx_utf8_valid((const char *)payload + 2, len - 2)));
        client.outcome.close = len == 0 ? EMPTY_CLOSE : payload[0] << 8 | payload[1];
        client.said = mix(client.said, payload, len);
    } else if (first == 0x8a) {
        MUST(len <= 125);
        ++client.outcome.pongs;
        client.said = mix(client.said, payload, len);
    } else {
        MUST(first == 0x81 || first == 0xc1);
        read_text(payload, len, first == 0xc1);
    }
}

/* bytes of the first whole frame in client.in; 0: there is none */
static size_t next_said(void)
{
    const uint8_t *p = client.in;
    size_t head, len;

    if (client.in_len < 4 && (client.in_len < 2 || p[1] >= 126))
        return 0;
    MUST((p[1] & 0x80) == 0 && p[1] != 127); /* never masked; and nothing here is so long */
    head = p[1] == 126 ? 4 : 2;
    len = p[1] == 126 ? (size_t)p[2] << 8 | p[3] : p[1];
    MUST(p[1] != 126 || len >= 126);
    if (client.in_len < head + len)
        return 0;
    read_said(p[0], p + head, len);
    return head + len;
}

static void drop_in(size_t len)
{
    client.in_len -= len;
    memmove(client.in, client.in + len, client.in_len);
}

static void skip_upgrade(void)
{
    static const char ok[] = "HTTP/1.1 101 ";
    const char *end = memmem(client.in, client.in_len, "\r\n\r\n", 4);

    if (end == NULL)
        return;
    MUST(memcmp(client.in, ok, sizeof(ok) - 1) == 0);
    client.upgraded = true;
    drop_in((size_t)(end + 4 - (char *)client.in));
}

static bool hear(void)
{
    ssize_t n = recv(client.fd, client.in + client.in_len, SAID_MAX - client.in_len, MSG_DONTWAIT);
    size_t len;

    if (n < 0 &&
        errno == ECONNRESET) /* it was closed with something unread; what it said comes behind that */
        n = recv(client.fd, client.in + client.in_len, SAID_MAX - client.in_len, MSG_DONTWAIT);
    if (n <= 0)
        return false;
    client.in_len += (size_t)n;
    if (!client.speaks_websocket) {
        client.in_len = 0;
        return true;
    }
    if (!client.upgraded)
        skip_upgrade();
    while (client.upgraded && (len = next_said()) != 0)
        drop_in(len);
    return true;
}

/* -- the client -- */

/* one turn of the worker; false: nothing happened */
static bool turn(void)
{
    bool some;

    h2o_evloop_run(server.local.ctx.loop, 0);
    some = take_commands();
    cbx_hub_flush(server.local.hub);
    return hear() || some;
}

static void settle(void)
{
    for (unsigned idle = 0; idle != IDLE_ROUNDS;)
        idle = turn() ? 0 : idle + 1;
}

static void client_connect(bool known, bool deflates)
{
    int fds[2];

    server.known = known;
    server.deflates = deflates;
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
    client.fd = fds[1];
    client.speaks_websocket = true;
    client.upgraded = client.gone = false;
    client.sent = 0;
    client.asking = client.said = client.in_len = 0;
    client.outcome = (outcome_t){.close = NO_CLOSE};
    client.sock = h2o_evloop_socket_create(server.local.ctx.loop, fds[0], 0);
    cbx_watch_add(server.local.watch, client.sock);
    h2o_accept(&server.accept, client.sock);
}

static void send_bytes(const void *bytes, size_t len)
{
    ssize_t n = send(client.fd, bytes, len, MSG_NOSIGNAL);

    MUST(n == (ssize_t)len || (n < 0 && errno == EPIPE)); /* the server may have closed */
    client.sent += len;
}

static void client_leave(void)
{
    settle();
    shutdown(client.fd, SHUT_WR);
    settle();
    MUST(cbx_hub_sessions(server.local.hub) == 0 && cbx_watch_is_empty(server.local.watch));
    MUST(client.in_len == 0);
    close(client.fd);
}

#endif
