/* pool.c -- a small thread with a libuv loop that hands jobs to libuv's threads and sends them home.
 *
 *     submit (any thread) == mail ==> pool thread -> uv_queue_work -> run (libuv's threads) -> pool thread ==
 * mail ==> home
 *
 * A job goes home from the pool's thread, not from the one that ran it: its uv_work_t is libuv's until then.
 * Slow jobs beyond their share wait in a list of the pool's thread; nothing else is locked or shared.
 */
#include "base/pool.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/stats.h"

#define WAITING_MAX 1024
#define SLOW_WAITING_MAX 64 /* of them slow: two seconds of work, and so the longest that a login waits */
#define SLOW_RUNNING_MAX 4  /* 64 MB each */

struct cbx_pool {
    pthread_t thread;
    uv_loop_t loop;
    uv_async_t async;
    cbx_mailbox_t inbox;                 /* submitted jobs */
    atomic_size_t waiting, slow_waiting; /* submitted and not yet running; of these, slow ones */
    atomic_bool stopping;
    /* the pool thread's own */
    unsigned slow_running, slow_max;
    cbx_mail_t *slow_first, **slow_last; /* slow jobs whose turn has not come */
};

static void on_wake(void *arg);
static void on_async(uv_async_t *async);
static void on_work(uv_work_t *work);
static void on_worked(uv_work_t *work, int status);

static void start(cbx_pool_t *pool, cbx_job_t *job)
{
    int failed;

    job->pool = pool;
    job->work.data = job;
    failed = uv_queue_work(&pool->loop, &job->work, on_work, on_worked);
    CBX_ASSERT(!failed);
}

static void start_slow(cbx_pool_t *pool)
{
    cbx_job_t *job;

    while (pool->slow_running < pool->slow_max && pool->slow_first != NULL) {
        job = (cbx_job_t *)pool->slow_first;
        if ((pool->slow_first = job->mail.next) == NULL)
            pool->slow_last = &pool->slow_first;
        ++pool->slow_running;
        start(pool, job);
    }
}

static void leave_line(cbx_pool_t *pool, const cbx_job_t *job)
{
    atomic_fetch_sub(&pool->waiting, 1);
    if (job->slow)
        atomic_fetch_sub(&pool->slow_waiting, 1);
}

/* the end: slow jobs that have not begun go home undone, for nobody waits for them any more */
static void send_slow_home(cbx_pool_t *pool)
{
    cbx_mail_t *mail = pool->slow_first, *next;

    pool->slow_first = NULL;
    pool->slow_last = &pool->slow_first;
    for (; mail != NULL; mail = next) {
        next = mail->next;
        leave_line(pool, (cbx_job_t *)mail);
        cbx_mailbox_post(((cbx_job_t *)mail)->home, mail);
    }
}

static void admit(cbx_pool_t *pool, cbx_job_t *job)
{
    if (!job->slow) {
        start(pool, job);
        return;
    }
    job->mail.next = NULL;
    *pool->slow_last = &job->mail;
    pool->slow_last = &job->mail.next;
    start_slow(pool);
}

static void on_wake(void *arg)
{
    uv_async_send(&((cbx_pool_t *)arg)->async);
}

static void on_async(uv_async_t *async)
{
    cbx_pool_t *pool = async->data;
    bool stopping =
        atomic_load(&pool->stopping); /* read first: then what is in the inbox is all there will be */
    cbx_mail_t *mail = cbx_mailbox_take(&pool->inbox), *next;

    for (; mail != NULL; mail = next) {
        next = mail->next;
        admit(pool, (cbx_job_t *)mail);
    }
    if (stopping)
        send_slow_home(pool);
    if (stopping && !uv_is_closing((uv_handle_t *)async))
        uv_close((uv_handle_t *)async, NULL); /* the loop ends when the last job is home */
}

static void on_work(uv_work_t *work)
{
    cbx_job_t *job = work->data;

    leave_line(job->pool, job);
    CBX_COUNT(jobs, 1);
    job->run(job);
}

static void on_worked(uv_work_t *work, int status)
{
    cbx_job_t *job = work->data;
    cbx_pool_t *pool = job->pool;

    CBX_ASSERT(status == 0); /* nobody cancels */
    if (job->slow) {
        --pool->slow_running;
        start_slow(pool);
    }
    cbx_mailbox_post(job->home, &job->mail);
}

static void *run_loop(void *arg)
{
    cbx_pool_t *pool = arg;

    uv_run(&pool->loop, UV_RUN_DEFAULT);
    return NULL;
}

static bool open_loop(cbx_pool_t *pool)
{
    if (uv_loop_init(&pool->loop) != 0)
        return false;
    if (uv_async_init(&pool->loop, &pool->async, on_async) != 0) {
        uv_loop_close(&pool->loop);
        return false;
    }
    pool->async.data = pool;
    return true;
}

static void close_loop(cbx_pool_t *pool)
{
    int busy;

    if (!uv_is_closing((uv_handle_t *)&pool->async))
        uv_close((uv_handle_t *)&pool->async, NULL);
    uv_run(&pool->loop, UV_RUN_DEFAULT);
    busy = uv_loop_close(&pool->loop);
    CBX_ASSERT(busy == 0);
}

/* libuv makes its threads with the first job, all of them, and aborts when it cannot: so we try before it */
static void *wait_for_all(void *barrier)
{
    pthread_mutex_lock(barrier); /* held until all are there */
    pthread_mutex_unlock(barrier);
    return NULL;
}

static bool may_have(unsigned threads)
{
    pthread_t *tried = cbx_alloc(threads * sizeof(*tried));
    pthread_mutex_t barrier = PTHREAD_MUTEX_INITIALIZER;
    unsigned n = 0;

    pthread_mutex_lock(&barrier);
    while (n != threads && pthread_create(&tried[n], NULL, wait_for_all, &barrier) == 0)
        ++n;
    pthread_mutex_unlock(&barrier);
    for (unsigned i = 0; i != n; ++i)
        pthread_join(tried[i], NULL);
    pthread_mutex_destroy(&barrier);
    free(tried);
    return n == threads;
}

static void do_nothing(uv_work_t *work)
{
    (void)work;
}

/* a first job, now, while there are as many as may_have has seen */
static void have_threads(cbx_pool_t *pool)
{
    static uv_work_t work;
    int failed = uv_queue_work(&pool->loop, &work, do_nothing, NULL);

    CBX_ASSERT(!failed);
}

cbx_pool_t *cbx_pool_create(unsigned threads)
{
    cbx_pool_t *pool = cbx_zalloc(sizeof(*pool));

    CBX_ASSERT(threads >= 2);
    setenv("UV_THREADPOOL_SIZE", cbx_log_fmt("%u", threads), 1);
    pool->slow_max = threads / 2 < SLOW_RUNNING_MAX ? threads / 2 : SLOW_RUNNING_MAX;
    pool->slow_last = &pool->slow_first;
    if (!may_have(threads + 1) || !open_loop(pool)) {
        free(pool);
        return NULL;
    }
    have_threads(pool);
    cbx_mailbox_init(&pool->inbox, on_wake, pool);
    if (pthread_create(&pool->thread, NULL, run_loop, pool) != 0) {
        close_loop(pool);
        cbx_mailbox_dispose(&pool->inbox);
        free(pool);
        return NULL;
    }
    return pool;
}

void cbx_pool_free(cbx_pool_t *pool)
{
    if (pool == NULL)
        return;
    atomic_store(&pool->stopping, true);
    uv_async_send(&pool->async);
    pthread_join(pool->thread, NULL);
    close_loop(pool);
    cbx_mailbox_dispose(&pool->inbox);
    free(pool);
}

/* counts one more, if there is room for it */
static bool stand_in_line(atomic_size_t *line, size_t max)
{
    if (atomic_fetch_add(line, 1) < max)
        return true;
    atomic_fetch_sub(line, 1);
    return false;
}

cbx_err_t cbx_pool_submit(cbx_pool_t *pool, cbx_job_t *job)
{
    if (job->slow && !stand_in_line(&pool->slow_waiting, SLOW_WAITING_MAX))
        return CBX_ERR_RATE_LIMITED;
    if (!stand_in_line(&pool->waiting, WAITING_MAX)) {
        if (job->slow)
            atomic_fetch_sub(&pool->slow_waiting, 1);
        return CBX_ERR_RATE_LIMITED;
    }
    cbx_mailbox_post(&pool->inbox, &job->mail);
    return CBX_OK;
}
