/* pool.h -- what can wait: jobs for libuv's thread pool, from any thread, home again by mail.
 *
 * uv_queue_work may only be called by its loop's thread, so the pool has a small thread of its own that does
 * nothing but hand jobs to libuv. The core would do too, but then a commit on a slow disk would hold up every
 * read. Slow jobs (passwords: 64 MB and tens of ms each) get at most half the threads, so that a storm of
 * logins leaves room for history.
 */
#ifndef cbx_base_pool_h
#define cbx_base_pool_h

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "base/error.h"
#include "base/mail.h"

typedef struct cbx_pool cbx_pool_t;

/* embed it first in a struct of your own; fill `run`, `mail.deliver`, `home` and `slow` */
typedef struct cbx_job {
    cbx_mail_t mail; /* how it comes home: mail.deliver runs on home's thread and owns the job */
    cbx_mailbox_t *home;
    void (*run)(struct cbx_job *job); /* on a thread of the pool */
    bool slow;
    uv_work_t work;   /* the pool's */
    cbx_pool_t *pool; /* the pool's */
} cbx_job_t;

/* `threads`: how many run jobs, 2 or more; call once, before libuv's pool is used; returns NULL when there is
 * no thread */
cbx_pool_t *cbx_pool_create(unsigned threads);
/* lets what runs finish, sends slow jobs that have not begun home undone, then ends the thread; no job may be
 * submitted any more */
void cbx_pool_free(cbx_pool_t *pool);
/* takes the job; CBX_ERR_RATE_LIMITED (and the job stays the caller's) when more than 1,024 wait, or 64 slow
 * ones; any thread
 */
cbx_err_t cbx_pool_submit(cbx_pool_t *pool, cbx_job_t *job);

#endif
