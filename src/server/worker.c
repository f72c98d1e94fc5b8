/* worker.c -- the turn of a worker, how it accepts, and how it ends.
 *
 * A turn is: H2O's loop (sockets, timers), the mailbox, the hub's flush. H2O keeps free chunks in lists that
 * are a thread's own, and what it makes remembers which: so the thread itself makes the loop and the context,
 * and itself frees them. Before, between and after its turns it waits for the main thread, which then may
 * touch the worker; while it turns, the main thread only posts orders, which are letters too.
 *
 * The end, in the clock of a drain: at once every session hears `bye` and every HTTP/2 connection a GOAWAY;
 * after GRACE_MS nobody is read from any more (who is idle is closed by that; who waits for an answer gets
 * it); CUT_MS before the deadline what is left is cut; at the deadline the thread ends whatever is left.
 */
#include "server/worker.h"

#include <errno.h>
#include <h2o/http2.h>
#include <malloc.h>
#include <sys/socket.h>
#include <uv.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/stats.h"
#include "http/pages.h"
#include "http/pending.h"
#include "http/watch.h"
#include "live/hub.h"
#include "server/wallclock.h"

#define ACCEPT_AT_ONCE 16         /* of an event, so that those who are connected get their turn */
#define RECEIVE_BYTES (64 * 1024) /* the kernel doubles it; a message with its frame fits several times */
#define EVENTS 256                /* of a turn, as many as H2O asks epoll for */
#define COPIES 4 /* of what is read: a buffer of H2O is up to twice as large, and grows by being copied */
#define GRACE_MS 1000
#define CUT_MS 2000
#define TICK_MS 1000
#define DRAIN_TICK_MS 20
#define RELIEVE_MS                                                                                           \
    10 /* as often as the limits are looked at; it takes some 0.1 ms for a thousand connections */

struct listener {
    h2o_accept_ctx_t accept;
    h2o_socket_t *sock; /* NULL: closed */
    bool inherited;     /* who waits is served by who comes after us */
    cbx_worker_t *worker;
};

struct cbx_worker {
    cbx_local_t local; /* first: letters and H2O's handlers find us by it */
    const cbx_worker_env_t *env;
    unsigned index;
    pthread_t thread;
    uv_sem_t made, go; /* the main thread and ours take turns: made -> go (serve) -> ended() -> go (free) */
    h2o_multithread_receiver_t receiver;
    h2o_timeout_entry_t pause; /* linked: no descriptors, not accepting */
    bool short_of_fds;         /* and that is in the log */
    enum { SERVING, SAYING_BYE, DEAF, CUTTING } state;
    int64_t drained_at, deadline;
    int64_t relieved_at; /* ms, steady */
    size_t listeners_len;
    struct listener listeners[];
};

/* an order travels as a letter */
struct order {
    cbx_mail_t mail;
    void (*run)(cbx_worker_t *worker, struct order *order);
    int64_t deadline;
};

/* -- accepting -- */

static void on_acceptable(h2o_socket_t *sock, const char *err);

static void on_pause_over(h2o_timeout_entry_t *entry)
{
    cbx_worker_t *worker = H2O_STRUCT_FROM_MEMBER(cbx_worker_t, pause, entry);

    for (size_t i = 0; i != worker->listeners_len; ++i)
        if (worker->listeners[i].sock != NULL)
            h2o_socket_read_start(worker->listeners[i].sock, on_acceptable);
}

/* what waits stays there, and would wake us again and again */
static void pause_accepting(cbx_worker_t *worker, int errnum)
{
    for (size_t i = 0; i != worker->listeners_len; ++i)
        if (worker->listeners[i].sock != NULL)
            h2o_socket_read_stop(worker->listeners[i].sock);
    if (!h2o_timeout_is_linked(&worker->pause))
        h2o_timeout_link(worker->local.ctx.loop, &worker->local.ctx.hundred_ms_timeout, &worker->pause);
    if (!worker->short_of_fds)
        cbx_log(CBX_LOG_WARN, "accept-paused", "why", strerror(errnum), NULL);
    worker->short_of_fds = true;
}

/* H2O reads all there is, and then works through it: what the kernel keeps by itself (6 MB), in the smallest
 * frames of HTTP/2, takes 80 ms, in which nobody else is served. And under a small limit of memory all of it
 * must fit into the reserve. */
static void bound_reading(const cbx_worker_t *worker, h2o_socket_t *sock)
{
    int64_t turn = cbx_memory_turn() / ((int64_t)worker->local.settings->num_threads * EVENTS * COPIES);
    int bytes = turn < RECEIVE_BYTES ? (int)turn : RECEIVE_BYTES;

    setsockopt(h2o_socket_get_fd(sock), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

/* who is refused is told so at once: in the queue they would cost the kernel memory, believe that they are
 * connected, and not look elsewhere */
static bool may_come_in(const cbx_worker_t *worker)
{
    if (CBX_COUNT(connections, 1) < (int64_t)worker->env->max_connections && !cbx_memory_is_short())
        return true;
    CBX_COUNT(connections, -1);
    CBX_COUNT(connections_refused, 1);
    return false;
}

static bool accept_one(struct listener *listener)
{
    cbx_worker_t *worker = listener->worker;
    h2o_socket_t *sock = h2o_evloop_socket_accept(listener->sock);

    if (sock == NULL) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(worker, errno);
        return false;
    }
    worker->short_of_fds = false;
    if (!may_come_in(worker)) {
        h2o_socket_close(sock);
        return true;
    }
    bound_reading(worker, sock);
    cbx_watch_add(worker->local.watch, sock);
    h2o_accept(&listener->accept, sock);
    return true;
}

static void on_acceptable(h2o_socket_t *sock, const char *err)
{
    if (err != NULL)
        return;
    for (int i = 0; i != ACCEPT_AT_ONCE && accept_one(sock->data); ++i)
        ;
}

static void close_listeners(cbx_worker_t *worker)
{
    for (size_t i = 0; i != worker->listeners_len; ++i) {
        struct listener *listener = &worker->listeners[i];
        if (listener->sock == NULL)
            continue;
        while (!listener->inherited && accept_one(listener))
            ;
        h2o_socket_close(listener->sock);
        listener->sock = NULL;
    }
    h2o_timeout_unlink(&worker->pause);
}

/* -- orders -- */

static void on_order(cbx_mail_t *mail, void *reader)
{
    struct order *order = (struct order *)mail;

    order->run(reader, order); /* the local comes first in a worker */
    free(order);
}

static struct order *new_order(void (*run)(cbx_worker_t *worker, struct order *order))
{
    struct order *order = cbx_zalloc(sizeof(*order));

    order->mail.deliver = on_order;
    order->run = run;
    return order;
}

static void run_close_listeners(cbx_worker_t *worker, struct order *order)
{
    (void)order;
    close_listeners(worker);
}

void cbx_worker_close_listeners(cbx_worker_t *worker)
{
    cbx_mailbox_post(&worker->local.mailbox, &new_order(run_close_listeners)->mail);
}

static void run_drain(cbx_worker_t *worker, struct order *order)
{
    if (worker->state != SERVING)
        return;
    close_listeners(worker);
    worker->state = SAYING_BYE;
    worker->drained_at = cbx_clock_steady();
    worker->deadline = order->deadline;
    cbx_hub_drain(worker->local.hub);
    h2o_context_request_shutdown(&worker->local.ctx);
}

void cbx_worker_drain(cbx_worker_t *worker, int64_t deadline)
{
    struct order *order = new_order(run_drain);

    order->deadline = deadline;
    cbx_mailbox_post(&worker->local.mailbox, &order->mail);
}

static void run_cut(cbx_worker_t *worker, struct order *order)
{
    (void)order;
    if (worker->state != SERVING && worker->deadline > cbx_clock_steady() + CUT_MS)
        worker->deadline = cbx_clock_steady() + CUT_MS;
}

void cbx_worker_cut(cbx_worker_t *worker)
{
    cbx_mailbox_post(&worker->local.mailbox, &new_order(run_cut)->mail);
}

/* -- the thread -- */

bool cbx_worker_is_empty(const cbx_worker_t *worker)
{
    return cbx_watch_is_empty(worker->local.watch) && cbx_hub_sessions(worker->local.hub) == 0;
}

/* goes on with a drain; false when the thread may end */
static bool go_on_draining(cbx_worker_t *worker)
{
    int64_t now = cbx_clock_steady();

    if (worker->state == SAYING_BYE && now >= worker->drained_at + GRACE_MS) {
        worker->state = DEAF;
        cbx_watch_shut_down_all(worker->local.watch, SHUT_RD);
    }
    if (worker->state != CUTTING && now >= worker->deadline - CUT_MS) {
        worker->state = CUTTING;
        cbx_hub_cut(worker->local.hub);
        cbx_watch_shut_down_all(worker->local.watch, SHUT_RDWR);
    }
    return !cbx_worker_is_empty(worker) && now < worker->deadline;
}

/* The clock may be set back between the last look at it and H2O's, which then believes that all timers are
 * hours away: but one of watch.c is due each second, so it never has to wait for longer.
 *
 * What is written between two turns (answers that came by mail) leaves its completion in the loop's list of
 * pending callbacks, which H2O runs only after it has polled: so then it must not wait. */
static int32_t wait_of(const cbx_worker_t *worker)
{
    const h2o_evloop_t *loop = worker->local.ctx.loop;

    if (loop->_pending_as_client != NULL || loop->_pending_as_server != NULL)
        return 0;
    return worker->state == SERVING ? TICK_MS : DRAIN_TICK_MS;
}

/* what may be given back is, and who holds too much unfinished, or leaves too much waiting, is cut */
static void mind_memory(cbx_worker_t *worker)
{
    int64_t now = cbx_clock_steady();
    bool due = now - worker->relieved_at >= RELIEVE_MS;
    size_t share, hoard;

    if (cbx_memory_look()) {
        cbx_pages_forget(worker->local.pages);
        malloc_trim(0);
    }
    share = cbx_memory_share((size_t)CBX_READ(connections));
    hoard = due ? cbx_memory_hoard((size_t)CBX_READ(connections)) : SIZE_MAX;
    if ((share == SIZE_MAX && hoard == SIZE_MAX) || (!cbx_memory_is_short() && !due))
        return;
    if (due)
        worker->relieved_at = now;
    cbx_watch_relieve(worker->local.watch, share, hoard);
    cbx_hub_relieve(worker->local.hub, share, hoard);
}

static void run_turns(cbx_worker_t *worker)
{
    cbx_local_t *local = &worker->local;
    cbx_wallclock_t clock;

    cbx_wallclock_start(&clock);
    do {
        h2o_evloop_run(local->ctx.loop, wait_of(worker));
        cbx_wallclock_follow(&clock, local->ctx.loop);
        cbx_mailbox_deliver(&local->mailbox, local);
        h2o_filecache_clear(
            local->ctx.filecache); /* as H2O does: a file that changed is seen in the next turn */
        mind_memory(worker);
        cbx_hub_flush(local->hub);
    } while (worker->state == SERVING || go_on_draining(worker));
}

/* -- life -- */

static void wake(void *arg)
{
    h2o_multithread_send_message(arg, NULL);
}

/* nobody sends messages: the mailbox has the letters, a wake-up carries none */
static void on_message(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages)
{
    (void)receiver, (void)messages;
}

static void add_listener(cbx_worker_t *worker, cbx_listen_t *listen, unsigned index)
{
    struct listener *listener = &worker->listeners[worker->listeners_len++];
    h2o_context_t *ctx = &worker->local.ctx;

    listener->worker = worker;
    listener->inherited = listen->inherited;
    listener->accept.ctx = ctx;
    listener->accept.hosts = listen->hosts;
    listener->accept.ssl_ctx = listen->tls != NULL ? cbx_tls_context(listen->tls) : NULL;
    listener->accept.expect_proxy_line = listen->proxy_protocol;
    listener->sock = h2o_evloop_socket_create(ctx->loop, listen->fds[index], H2O_SOCKET_FLAG_DONT_READ);
    listen->fds[index] = -1; /* taken */
    listener->sock->data = listener;
    h2o_socket_read_start(listener->sock, on_acceptable);
}

static void make_parts(cbx_worker_t *worker)
{
    cbx_listens_t *listens = &worker->env->config->listens;
    h2o_context_t *ctx = &worker->local.ctx;

    h2o_context_init(ctx, h2o_evloop_create(), &worker->env->config->global);
    h2o_multithread_register_receiver(ctx->queue, &worker->receiver, on_message);
    cbx_mailbox_init(&worker->local.mailbox, wake, &worker->receiver);
    for (size_t i = 0; i != listens->len; ++i)
        add_listener(worker, listens->list[i], worker->index);
}

static void free_parts(cbx_worker_t *worker)
{
    cbx_local_t *local = &worker->local;
    h2o_context_t *ctx = &local->ctx;
    h2o_loop_t *loop = ctx->loop;

    while (cbx_mailbox_deliver(&local->mailbox, local) != 0)
        ;
    close_listeners(worker);
    cbx_hub_flush(local->hub);
    cbx_hub_free(local->hub);
    cbx_pending_free(local->pending);
    cbx_watch_free(local->watch);
    h2o_timeout_unlink(
        &ctx->http2._graceful_shutdown_timeout); /* H2O's second GOAWAY must not outlive its timer */
    h2o_multithread_unregister_receiver(ctx->queue, &worker->receiver);
    h2o_context_dispose(ctx);
    h2o_evloop_destroy(loop);
    cbx_mailbox_dispose(&local->mailbox);
}

static void *live(void *arg)
{
    cbx_worker_t *worker = arg;

    make_parts(worker);
    uv_sem_post(&worker->made);
    uv_sem_wait(&worker->go); /* cbx_worker_start */
    run_turns(worker);
    worker->env->ended(worker->env->arg);
    uv_sem_wait(&worker->go); /* cbx_worker_free */
    free_parts(worker);
    return NULL;
}

cbx_worker_t *cbx_worker_create(const cbx_worker_env_t *env, unsigned index)
{
    cbx_worker_t *worker =
        cbx_zalloc(sizeof(*worker) + env->config->listens.len * sizeof(worker->listeners[0]));
    cbx_local_t *local = &worker->local;

    worker->env = env;
    worker->index = index;
    worker->pause.cb = on_pause_over;
    uv_sem_init(&worker->made, 0);
    uv_sem_init(&worker->go, 0);
    if (pthread_create(&worker->thread, NULL, live, worker) != 0) {
        free(worker);
        return NULL;
    }
    uv_sem_wait(&worker->made);
    local->settings = &env->config->settings;
    local->core = env->core;
    local->pool = env->pool;
    local->readers = env->readers;
    local->pages = env->pages;
    local->limits = env->limits;
    local->pending = cbx_pending_create();
    local->watch = cbx_watch_create(&local->ctx, local->settings->write_timeout);
    local->hub = cbx_hub_create(local);
    return worker;
}

void cbx_worker_start(cbx_worker_t *worker)
{
    uv_sem_post(&worker->go);
}

void cbx_worker_free(cbx_worker_t *worker)
{
    uv_sem_post(&worker->go);
    pthread_join(worker->thread, NULL);
    uv_sem_destroy(&worker->made);
    uv_sem_destroy(&worker->go);
    free(worker);
}
