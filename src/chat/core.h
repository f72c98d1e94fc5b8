/* core.h -- the truth: one thread that decides, commits and tells.
 *
 * Commands come in by cbx_core_submit, from any thread; what they cause goes out as batches, in commit order,
 * to every outlet (a worker). See command.h for what travels in, batch.h for what travels out.
 */
#ifndef cbx_chat_core_h
#define cbx_chat_core_h

#include <uv.h>

#include "base/pool.h"
#include "base/settings.h"
#include "chat/batch.h"
#include "chat/command.h"
#include "store/readers.h"

typedef struct cbx_core cbx_core_t;

#define CBX_CORE_BATCH 512   /* commands that may share a commit */
#define CBX_CORE_QUEUE 16384 /* commands that may wait */

/* loads rooms from `store` and waits for commands on `loop` (the calling thread's from now on, the core
 * thread); NULL when the store cannot be read. `store`, `pool` and `readers` stay the caller's and must
 * outlive the core. */
cbx_core_t *cbx_core_create(uv_loop_t *loop, const cbx_settings_t *settings, cbx_store_t *store,
                            cbx_pool_t *pool, cbx_readers_t *readers);
/* the workers are gone, the pool is idle: closes the core's handles (it turns the loop for that) and forgets
 * all; the core thread */
void cbx_core_free(cbx_core_t *core);

/* a worker: its mailbox, and what it does with a batch (`deliver(batch, arg)` on its thread; it owns one
 * reference). Returns the outlet's number, 0 first. Before the first command; the core thread. */
unsigned cbx_core_add_outlet(cbx_core_t *core, cbx_mailbox_t *box,
                             void (*deliver)(cbx_batch_t *batch, void *arg), void *arg);

/* takes the command, always; any thread. CBX_ERR_RATE_LIMITED: the queue is full; CBX_ERR_DRAINING: no more
 * changes are taken. Then the command is gone and nothing will come back. GONE is never refused. */
cbx_err_t cbx_core_submit(cbx_core_t *core, cbx_command_t *cmd);

/* from now on commands are refused; when all that waited is committed and mailed the store is let go of (see
 * cbx_store_let_go), and `drained(arg)` runs; the core thread */
void cbx_core_drain(cbx_core_t *core, void (*drained)(void *arg), void *arg);

/* is the database writable, as far as the last attempt knows; any thread */
bool cbx_core_storage_ok(const cbx_core_t *core);
bool cbx_core_draining(const cbx_core_t *core);

#endif
