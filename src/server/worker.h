/* worker.h -- a thread that owns sockets: an H2O loop and context, a listener of each kind, a hub. */
#ifndef cbx_server_worker_h
#define cbx_server_worker_h

#include "live/local.h"
#include "server/config.h"

typedef struct cbx_worker cbx_worker_t;

/* what all workers share; must outlive them */
typedef struct cbx_worker_env {
    cbx_config_t *config;
    cbx_core_t *core;
    cbx_pool_t *pool;
    cbx_readers_t *readers;
    cbx_pages_t *pages;
    cbx_limits_t *limits;
    size_t max_connections;
    void (*ended)(void *arg); /* a worker has done its last turn; on its thread */
    void *arg;
} cbx_worker_env_t;

/* makes the `index`th worker and its thread, which takes over the `index`th socket of each listen and waits;
 * NULL when there is no thread to be had; the core thread */
cbx_worker_t *cbx_worker_create(const cbx_worker_env_t *env, unsigned index);
/* lets it serve */
void cbx_worker_start(cbx_worker_t *worker);

/* -- orders, from the core thread -- */
/* accepts what waits (not on sockets that outlive us), then no more */
void cbx_worker_close_listeners(cbx_worker_t *worker);
/* says goodbye to everybody, and ends when all have gone, or at `deadline` (steady clock, ms) */
void cbx_worker_drain(cbx_worker_t *worker, int64_t deadline);
/* a drain that is in no mood to wait */
void cbx_worker_cut(cbx_worker_t *worker);

/* -- after it has said that it ended -- */
/* did it leave no connection behind? Only then it may be freed. */
bool cbx_worker_is_empty(const cbx_worker_t *worker);
/* frees it with what is left (letters, hub, context), and ends its thread. The core and the pool are gone. */
void cbx_worker_free(cbx_worker_t *worker);

#endif
