/* watch.c -- connections that cost more than they may: found, and cut.
 *
 * Once a second all connections that speak HTTP are looked at (WebSockets left H2O's lists with their
 * upgrade, and have rules of their own, see live/session.c). What is cut:
 *
 *  - a reader that stalls, or trickles: something waits to be written, and in write-timeout the other side
 * has acknowledged less than RATE_MIN of it; or, over HTTP/2, answers are under way, the client's windows are
 *    closed, and less than that was sent, or nothing of an answer whose length nobody knows. A PING that we
 *    answer is no progress.
 *  - a writer that stalls, over HTTP/2: a request that is not whole after http1-request-timeout.
 *  - who gives up requests: opening streams and resetting them at once is cheap for a client and dear for us
 *    (CVE-2023-44487; and CVE-2025-8671, where the client makes us reset them: neither is fixed in this H2O).
 *  - while memory is short: a request that is not whole, and holds more than its share of what is left;
 *  - while there is no room for answers: who leaves more waiting than others, and takes hardly any of it.
 *
 * Cutting is shutdown(): H2O finds the connection ended, and cleans up; closing it here would pull it from
 * under its feet.
 */
#include "http/watch.h"

#include <h2o/http1.h>
#include <h2o/http2.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/acked.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/stats.h"
#include "live/local.h"

enum {
    RATE_MIN = 1000,    /* bytes a second: the slowest networks of today carry some times that */
    PATIENCE_MS = 1000, /* that an answer may wait while others have no room */
    ABORTS_MAX = 200,   /* requests that a connection may give up ... */
    ABORTS_MS =
        10 * 1000 /* ... in this time: a browser that leaves a busy page gives up a hundred at most, once */
};

/* something waits to go out */
struct wait {
    int64_t since;    /* ms, steady; 0: nothing waits */
    uint64_t reached; /* how far it had come then, bytes */
};

/* what is only known of a connection that speaks HTTP */
struct http {
    /* what this second's look at the requests found */
    bool is_http, answering, streaming,
        late; /* streaming: answers without a length, which may be slow to make */
    uint64_t sent;
    /* a request is not whole; what had been read when there was none such; and bytes that are held of them */
    bool incoming;
    uint64_t read_before;
    size_t held;
    bool failed;                  /* because of that */
    size_t waiting;               /* bytes of answers of ours */
    struct wait taking;           /* for these, since enough of them was taken when others had no room */
    struct wait writing, windows; /* for the socket; for the windows of HTTP/2 */
    /* requests that it gave up lately */
    int64_t aborts_since;
    unsigned aborts;
};

/* one that is on the way out */
struct answer {
    struct http *http;
    cbx_frame_t *frame;
    size_t copied; /* bytes: over TLS and HTTP/1, H2O encrypts all of it before it writes */
};

typedef struct conn {
    h2o_linklist_t link;
    h2o_socket_t *sock;
    struct http *http; /* NULL: it is a WebSocket, of which there are many, and all idle */
} conn_t;

struct cbx_watch {
    h2o_context_t *ctx;
    int64_t write_timeout; /* ms */
    h2o_timeout_entry_t tick;
    h2o_linklist_t conns;
};

/* NULL: it begins to speak HTTP/2, and H2O still tells it so by HTTP/1 */
static conn_t *conn_of(h2o_req_t *req)
{
    h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);

    return sock != NULL ? sock->on_close.data : NULL;
}

static conn_t *conn_at(h2o_linklist_t *node)
{
    return H2O_STRUCT_FROM_MEMBER(conn_t, link, node);
}

/* -- all of them -- */

static void on_close(void *arg)
{
    conn_t *conn = arg;

    h2o_linklist_unlink(&conn->link);
    free(conn->http);
    free(conn);
    CBX_COUNT(connections, -1);
}

void cbx_watch_add(cbx_watch_t *watch, h2o_socket_t *sock)
{
    conn_t *conn = cbx_zalloc(sizeof(*conn));

    conn->sock = sock;
    conn->http = cbx_zalloc(sizeof(*conn->http));
    h2o_linklist_insert(&watch->conns, &conn->link);
    sock->on_close.cb = on_close;
    sock->on_close.data = conn;
}

void cbx_watch_upgraded(h2o_socket_t *sock)
{
    conn_t *conn = sock->on_close.data;

    CBX_ASSERT(conn->http->waiting == 0);
    free(conn->http);
    conn->http = NULL;
}

bool cbx_watch_is_empty(const cbx_watch_t *watch)
{
    return h2o_linklist_is_empty((h2o_linklist_t *)&watch->conns);
}

void cbx_watch_shut_down_all(cbx_watch_t *watch, int how)
{
    for (h2o_linklist_t *n = watch->conns.next; n != &watch->conns; n = n->next)
        shutdown(h2o_socket_get_fd(conn_at(n)->sock), how);
}

/* what it has not taken yet, the kernel shall throw away, too */
static void sever(conn_t *conn)
{
    static const struct linger at_once = {.l_onoff = 1};
    int fd = h2o_socket_get_fd(conn->sock);

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    shutdown(fd, SHUT_RDWR);
    CBX_COUNT(connections_cut, 1);
}

static void cut(conn_t *conn, const char *reason)
{
    sever(conn);
    cbx_log(CBX_LOG_WARN, "connection-cut", "reason", reason, NULL);
}

/* -- who does not read -- */

/* bytes that the other side has acknowledged. A unix socket knows none: behind it is a proxy, which we trust,
 * and what was handed to the socket must do. */
static uint64_t acknowledged(h2o_socket_t *sock)
{
    uint64_t bytes;

    return cbx_acked_bytes(h2o_socket_get_fd(sock), &bytes) ? bytes : sock->bytes_written;
}

static bool is_whole(const h2o_req_t *req)
{
    return req->processed_at.at.tv_sec != 0;
}

/* has it been on the way in for too long? Over HTTP/1, H2O itself asks. */
static bool is_late(h2o_req_t *req)
{
    struct timeval now = *h2o_get_timestamp(req->conn->ctx, NULL, NULL);
    struct timeval begin = req->timestamps.request_begin_at;
    int64_t age = (int64_t)(now.tv_sec - begin.tv_sec) * 1000 + (now.tv_usec - begin.tv_usec) / 1000;

    return req->version >= 0x200 && begin.tv_sec != 0 && !is_whole(req) &&
           age > (int64_t)req->conn->ctx->globalconf->http1.req_timeout;
}

static int on_request(h2o_req_t *req, void *arg)
{
    conn_t *conn = conn_of(req);
    struct http *http = conn != NULL ? conn->http : NULL;

    (void)arg;
    if (http == NULL)
        return 0; /* the answer to its upgrade is on the way out */
    http->is_http = true;
    http->incoming = http->incoming || !is_whole(req);
    http->late = http->late || is_late(req);
    http->sent += req->bytes_sent;
    if (req->version < 0x200 || req->timestamps.response_start_at.tv_sec == 0)
        return 0;
    http->answering = true;
    http->streaming = http->streaming || req->res.content_length == SIZE_MAX;
    return 0;
}

/* HTTP/2 without a request, perhaps with a flood of PINGs whose answers it does not read */
static bool is_http2(const conn_t *conn)
{
    h2o_iovec_t protocol = {NULL, 0};

    if (conn->sock->ssl != NULL)
        protocol = h2o_socket_ssl_get_selected_protocol(conn->sock);
    return h2o_memis(protocol.base, protocol.len, H2O_STRLIT("h2"));
}

/* It has come as far as `reached` (less than before: answers ended). `least` bytes within write-timeout, or
 * the connection is cut. */
static void wait_for(cbx_watch_t *watch, conn_t *conn, struct wait *wait, uint64_t reached, uint64_t least)
{
    int64_t now = cbx_clock_steady();

    if (wait->since == 0 || reached < wait->reached || reached - wait->reached >= least) {
        *wait = (struct wait){now, reached};
    } else if (now - wait->since >= watch->write_timeout) {
        cut(conn, "it does not read");
        wait->since = now;
    }
}

/* what was found is for one look */
static void forget_look(conn_t *conn)
{
    struct http *http = conn->http;

    if (!http->incoming)
        http->read_before = conn->sock->bytes_read;
    http->is_http = http->answering = http->streaming = http->late = http->incoming = false;
    http->sent = http->held = 0;
}

static void look_at(cbx_watch_t *watch, conn_t *conn)
{
    struct http *http = conn->http;
    bool writing = h2o_socket_is_writing(conn->sock);
    uint64_t least = (uint64_t)watch->write_timeout / 1000 * RATE_MIN;

    if (!writing)
        http->writing.since = 0;
    if (!http->answering)
        http->windows.since = 0;
    if (http->late)
        cut(conn, "a request does not end");
    else if (writing && (http->is_http || is_http2(conn)))
        wait_for(watch, conn, &http->writing, acknowledged(conn->sock), least);
    else if (http->answering)
        wait_for(watch, conn, &http->windows, http->sent, http->streaming ? 1 : least);
    forget_look(conn);
}

static void on_tick(h2o_timeout_entry_t *entry)
{
    cbx_watch_t *watch = H2O_STRUCT_FROM_MEMBER(cbx_watch_t, tick, entry);
    h2o_context_t *ctx = watch->ctx;

    h2o_timeout_link(ctx->loop, &ctx->one_sec_timeout, &watch->tick);
    H2O_HTTP1_CALLBACKS.foreach_request(ctx, on_request, NULL);
    H2O_HTTP2_CALLBACKS.foreach_request(ctx, on_request, NULL);
    for (h2o_linklist_t *n = watch->conns.next; n != &watch->conns; n = n->next)
        if (conn_at(n)->http != NULL)
            look_at(watch, conn_at(n));
}

/* -- when memory is short -- */

/* over HTTP/1 all that is held of a request is in the socket's buffer; over HTTP/2, what was read since the
 * last moment without such a request is the most it may be */
static int on_request_held(h2o_req_t *req, void *arg)
{
    conn_t *conn = conn_of(req);

    (void)arg;
    if (conn == NULL || conn->http == NULL || is_whole(req))
        return 0;
    conn->http->incoming = true;
    conn->http->held =
        req->version >= 0x200 ? conn->sock->bytes_read - conn->http->read_before : conn->sock->input->size;
    return 0;
}

static void answer_dispose(void *arg)
{
    struct answer *answer = arg;

    answer->http->waiting -= answer->frame->len + answer->copied;
    cbx_memory_drop(answer->copied);
    cbx_frame_unref(answer->frame);
}

void cbx_watch_answer(h2o_req_t *req, cbx_frame_t *frame)
{
    struct answer *answer = h2o_mem_alloc_shared(&req->pool, sizeof(*answer), answer_dispose);
    conn_t *conn = conn_of(req);

    *answer = (struct answer){.http = conn->http, .frame = cbx_frame_ref(frame)};
    if (req->version < 0x200 && conn->sock->ssl != NULL)
        answer->copied = frame->len;
    cbx_memory_keep(answer->copied);
    if (conn->http->waiting == 0)
        conn->http->taking.since = 0;
    conn->http->waiting += frame->len + answer->copied;
}

/* leaves more waiting than others, and took hardly anything of it in a moment */
static bool hoards(conn_t *conn, size_t hoard)
{
    struct wait *taking = &conn->http->taking;
    int64_t now = cbx_clock_steady();
    uint64_t reached;

    if (conn->http->waiting <= hoard || (taking->since != 0 && now - taking->since < PATIENCE_MS))
        return false;
    reached = acknowledged(conn->sock);
    if (taking->since != 0 && reached - taking->reached < cbx_memory_pace(conn->http->waiting))
        return true;
    *taking = (struct wait){now, reached};
    return false;
}

/* What has arrived is still read after a shutdown, and takes yet more memory; so H2O is told that reading has
 * failed. It is between two turns, and reads of this connection: it frees it, at once where no write is under
 * way. There may be thousands: that memory is short is in the log once. */
static void fail(conn_t *conn)
{
    sever(conn);
    if (h2o_socket_is_reading(conn->sock))
        conn->sock->_cb.read(conn->sock, "memory is short");
}

static void relieve_of(conn_t *conn, size_t share, size_t hoard)
{
    bool too_much = conn->http->held > share || hoards(conn, hoard);

    forget_look(conn);
    if (too_much && !conn->http->failed) {
        conn->http->failed = true;
        fail(conn);
    }
}

void cbx_watch_relieve(cbx_watch_t *watch, size_t share, size_t hoard)
{
    H2O_HTTP1_CALLBACKS.foreach_request(watch->ctx, on_request_held, NULL);
    H2O_HTTP2_CALLBACKS.foreach_request(watch->ctx, on_request_held, NULL);
    for (h2o_linklist_t *n = watch->conns.next, *next; n != &watch->conns; n = next) {
        next = n->next;
        if (conn_at(n)->http != NULL)
            relieve_of(conn_at(n), share, hoard);
    }
}

/* -- who gives up -- */

/* a body was due, and not all of it went out; where its length is not known, nothing of it */
static bool ended_unanswered(h2o_req_t *req)
{
    if (req->res.status == 0)
        return true;
    if (req->res.status == 204 || req->res.status == 304 ||
        h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("HEAD")))
        return false;
    return req->res.content_length == SIZE_MAX ? req->bytes_sent == 0
                                               : req->bytes_sent < req->res.content_length;
}

/* the request dies; H2O tells its loggers */
static void on_end(h2o_logger_t *self, h2o_req_t *req)
{
    int64_t now = cbx_clock_steady();
    struct http *http;

    (void)self;
    if (req->version < 0x200 || !ended_unanswered(req))
        return;
    http = conn_of(req)->http;
    if (now - http->aborts_since > ABORTS_MS) {
        http->aborts_since = now;
        http->aborts = 0;
    }
    if (++http->aborts == ABORTS_MAX)
        cut(conn_of(req), "requests given up");
}

void cbx_watch_register(h2o_hostconf_t *host)
{
    for (size_t i = 0; i != host->paths.size; ++i)
        h2o_create_logger(&host->paths.entries[i], sizeof(h2o_logger_t))->log_access = on_end;
    h2o_create_logger(&host->fallback_path, sizeof(h2o_logger_t))->log_access = on_end;
}

/* -- life -- */

cbx_watch_t *cbx_watch_create(h2o_context_t *ctx, unsigned write_timeout)
{
    cbx_watch_t *watch = cbx_zalloc(sizeof(*watch));

    watch->ctx = ctx;
    watch->write_timeout = (int64_t)write_timeout * 1000;
    watch->tick.cb = on_tick;
    h2o_linklist_init_anchor(&watch->conns);
    h2o_timeout_link(ctx->loop, &ctx->one_sec_timeout, &watch->tick);
    return watch;
}

void cbx_watch_free(cbx_watch_t *watch)
{
    if (watch == NULL)
        return;
    h2o_timeout_unlink(&watch->tick);
    free(watch);
}
