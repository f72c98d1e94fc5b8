/* pending.c -- requests that wait for an answer from another thread, by number. One table a worker, used on
 * its thread.
 *
 * The entry of a request lives in the request's own pool, which calls us when it dies: so a request that goes
 * away while its work is under way takes itself out, and nobody ever holds a pointer to it. The work itself
 * is finished and thrown away.
 */
#include "http/pending.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/buf.h"

/* a request that waits; in the request's pool */
struct waiting {
    uint64_t number;
    h2o_req_t *req;
    cbx_pending_t *pending; /* NULL: no longer waits */
    UT_hash_handle hh;
};

struct cbx_pending {
    uint64_t last; /* the number given last */
    struct waiting *waiting;
};

cbx_pending_t *cbx_pending_create(void)
{
    return cbx_zalloc(sizeof(cbx_pending_t));
}

static void forget(struct waiting *w)
{
    HASH_DEL(w->pending->waiting, w); /* NOLINT(clang-analyzer-core.NullDereference): each only once */
    w->pending = NULL;
}

void cbx_pending_free(cbx_pending_t *pending)
{
    if (pending == NULL)
        return;
    while (pending->waiting != NULL)
        forget(pending->waiting);
    free(pending);
}

/* the request dies */
static void on_dispose(void *entry)
{
    struct waiting *w = entry;

    if (w->pending != NULL)
        forget(w);
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
