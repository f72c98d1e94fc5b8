/* local.h -- what one worker has at hand: its H2O context, its mailbox, its hub, and the doors to the other
 * threads.
 *
 * The context comes first, so that a handler finds its worker from any request: cbx_local_of(req).
 */
#ifndef cbx_live_local_h
#define cbx_live_local_h

#include <h2o.h>

#include "base/mail.h"
#include "base/pool.h"
#include "base/settings.h"
#include "chat/core.h"
#include "store/readers.h"

typedef struct cbx_hub cbx_hub_t;
typedef struct cbx_limits cbx_limits_t;
typedef struct cbx_pages cbx_pages_t;
typedef struct cbx_pending cbx_pending_t;
typedef struct cbx_watch cbx_watch_t;

typedef struct cbx_local {
    h2o_context_t ctx; /* first: req->conn->ctx is this */
    const cbx_settings_t *settings;
    cbx_core_t *core;
    cbx_pool_t *pool;
    cbx_readers_t *readers;
    cbx_pages_t *pages;     /* http/pages.h: of all workers */
    cbx_limits_t *limits;   /* http/limits.h: of all workers, too */
    cbx_mailbox_t mailbox;  /* delivered with the cbx_local_t as reader, after each turn of the loop */
    unsigned outlet;        /* the core's number of this worker */
    cbx_hub_t *hub;         /* live/hub.h */
    cbx_pending_t *pending; /* http/pending.h: requests that wait for an answer */
    cbx_watch_t *watch;     /* http/watch.h: connections that cost more than they may */
} cbx_local_t;

static inline cbx_local_t *cbx_local_of(h2o_req_t *req)
{
    return (cbx_local_t *)req->conn->ctx;
}

#endif
