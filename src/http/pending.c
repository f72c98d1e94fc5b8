/* pending.c -- requests that wait for an answer from another thread, by number. One table a worker, used on
 * its thread.
 *
 * The entry of a request lives in the request's own pool, which calls us when it dies: so a request that goes
 * away while its work is under way takes itself out, and nobody ever holds a pointer to it. The work itself
 * is finished and thrown away.
 *
 * That makes opening streams and resetting them at once cheap for a client and dear for us (CVE-2023-44487 is
 * not fixed in this H2O). So requests that go away while they wait are counted for each connection, and one
 * that does it too often is cut. The counts are kept by the connection's id, not its socket: they are
 * forgotten when their time is over, whatever became of the connection.
 */
#include "http/pending.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <uthash.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"

enum {
    ABORTS_MAX = 200, /* requests that a connection may give up ... */
    ABORTS_MS =
        10 * 1000 /* ... in this time: a browser that leaves a busy page gives up a hundred at most, once */
};

/* a request that waits; in the request's pool */
struct waiting {
    uint64_t number;
    h2o_req_t *req;
    cbx_pending_t *pending; /* NULL: no longer waits */
    UT_hash_handle hh;
};

/* what a connection gave up lately */
struct aborts {
    uint64_t connection;
    int64_t since; /* ms, steady */
    unsigned count;
    UT_hash_handle hh;
};

struct cbx_pending {
    uint64_t last; /* the number given last */
    struct waiting *waiting;
    struct aborts *aborts; /* in the order of `since` */
};

cbx_pending_t *cbx_pending_create(void)
{
    return cbx_zalloc(sizeof(cbx_pending_t));
}

static void forget(struct waiting *w)
{
    HASH_DEL(w->pending->waiting, w);
    w->pending = NULL;
}

static void drop_aborts(cbx_pending_t *pending, struct aborts *aborts)
{
    HASH_DEL(pending->aborts, aborts);
    free(aborts);
}

void cbx_pending_free(cbx_pending_t *pending)
{
    if (pending == NULL)
        return;
    while (pending->waiting != NULL)
        forget(pending->waiting);
    while (pending->aborts != NULL)
        drop_aborts(pending, pending->aborts);
    free(pending);
}

/* how often the connection did so in its current window, this time included */
static unsigned count_abort(cbx_pending_t *pending, uint64_t connection)
{
    int64_t now = cbx_clock_steady();
    struct aborts *aborts;

    while (pending->aborts != NULL && now - pending->aborts->since > ABORTS_MS)
        drop_aborts(pending, pending->aborts);
    HASH_FIND(hh, pending->aborts, &connection, sizeof(connection), aborts);
    if (aborts == NULL) {
        aborts = cbx_zalloc(sizeof(*aborts));
        aborts->connection = connection;
        aborts->since = now;
        HASH_ADD(hh, pending->aborts, connection, sizeof(connection), aborts);
    }
    return ++aborts->count;
}

/* H2O finds the connection ended at its next read, and cleans up; closing it here would pull it from under
 * H2O's feet */
static void cut(h2o_conn_t *conn)
{
    h2o_socket_t *sock = conn->callbacks->get_socket(conn);

    if (sock != NULL)
        shutdown(h2o_socket_get_fd(sock), SHUT_RDWR);
    cbx_log(CBX_LOG_WARN, "connection-cut", "reason", "requests given up", NULL);
}

/* the request dies */
static void on_dispose(void *entry)
{
    struct waiting *w = entry;
    cbx_pending_t *pending = w->pending;

    if (pending == NULL)
        return;
    forget(w);
    if (count_abort(pending, w->req->conn->id) == ABORTS_MAX)
        cut(w->req->conn);
}

uint64_t cbx_pending_add(cbx_pending_t *pending, h2o_req_t *req)
{
    struct waiting *w = h2o_mem_alloc_shared(&req->pool, sizeof(*w), on_dispose);

    *w = (struct waiting){.number = ++pending->last, .req = req, .pending = pending};
    HASH_ADD(hh, pending->waiting, number, sizeof(w->number), w);
    return w->number;
}

h2o_req_t *cbx_pending_take(cbx_pending_t *pending, uint64_t number)
{
    struct waiting *w;

    HASH_FIND(hh, pending->waiting, &number, sizeof(number), w);
    if (w == NULL)
        return NULL;
    forget(w);
    return w->req;
}
