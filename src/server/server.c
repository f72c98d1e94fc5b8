/* server.c -- start, signals, drain, end.
 *
 * Main thread, which is the core's. The start has three parts: check everything and change nothing (a mistake
 * costs one line and status 1), then make what is needed, then serve.
 *
 *     read (dry) -> check files, certificates, database -> bind TCP -> read -> logs, unix sockets, user
 *         -> secret -> database -> pid -> core -> workers -> "ready"
 *
 * The end, within 10 s of the first SIGTERM or SIGINT: the workers accept what waits and no more; the core
 * commits what waits and says so; then the workers say goodbye to everybody (worker.c) and end; then what
 * they used is freed. A second signal makes it quick. SIGHUP opens logs again and reads certificates again.
 *
 * Where the sockets were handed over (inherit.c), the next server may be there before we end. It waits for
 * the database, which the core lets go of as soon as it has committed what waits; meanwhile who connects
 * waits in the sockets' queues, and who is connected is still told goodbye by us.
 */
#include "server/server.h"

#include <dirent.h>
#include <h2o.h>
#include <h2o/serverutil.h>
#include <pwd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/ceiling.h"
#include "base/log.h"
#include "base/stats.h"
#include "http/limits.h"
#include "http/pages.h"
#include "server/files.h"
#include "server/inherit.h"
#include "server/notify.h"
#include "server/trim.h"
#include "server/worker.h"
#include "wire/password.h"

#define DRAIN_MS 8000   /* until the workers end; what follows fits into the rest of 10 s */
#define COMMIT_MS 4000  /* of those, until the core must have committed what waited */
#define TEND_MS 2000    /* how soon a new OCSP file is seen; a stat() of each */
#define POOL_MIN 4      /* threads: two for passwords, two for history, however few the cores */
#define RESERVED_FDS 64 /* not for connections: files that are served, logs, SQLite's own */
#define READER_FDS 2    /* of a thread of the pool, besides the reader that is open: its log, one spare */

/* static, so that all that lives as long as the process can be reached from here */
static struct {
    yoml_t *tree;
    cbx_config_t *checked; /* the first reading */
    cbx_config_t *config;  /* the one that counts */
    cbx_store_t *store;
    cbx_pool_t *pool;
    cbx_readers_t *readers;
    cbx_pages_t *pages;
    cbx_limits_t *limits;
    cbx_core_t *core;
    cbx_worker_env_t env;
    cbx_worker_t **workers;
    unsigned workers_len;
    uv_loop_t *loop;
    uv_async_t on_ended;
    uv_signal_t signals[3];
    uv_timer_t commit_timer, tend_timer;
    cbx_trim_t trim;
    atomic_uint ended;
    int64_t deadline; /* of the drain; 0: none */
    bool drained, goodbye;
} server;

/* -- check everything -- */

static void raise_fd_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static const yoml_t *place_of_database(const cbx_config_t *config)
{
    return config->database != NULL ? config->database : config->tree;
}

static bool check_user(const cbx_config_t *config)
{
    if (config->user == NULL || geteuid() == 0 || getpwnam(config->user->data.scalar)->pw_uid == geteuid())
        return true;
    cbx_config_complain(config->user, "user", "only root can become %s; start as root, or leave it out",
                        config->user->data.scalar);
    return false;
}

static bool check(cbx_config_t *config)
{
    char why[512];

    if (!check_user(config) || !cbx_files_check(config) || !cbx_listens_load_tls(&config->listens))
        return false;
    if (cbx_store_check(config->settings.database, why, sizeof(why)))
        return true;
    cbx_config_complain(place_of_database(config), "chatterbox.database", "%s", why);
    return false;
}

static bool bind_ports(cbx_config_t *config)
{
    return cbx_inherit_sockets(&config->listens, config->settings.num_threads, config->tree) &&
           cbx_listens_open_tcp(&config->listens, config->settings.num_threads, config->tcp_fastopen) &&
           cbx_listens_check_unix(&config->listens);
}

/* -- make what is needed -- */

static bool become_user(const cbx_config_t *config)
{
    if (config->user == NULL || geteuid() != 0 || h2o_setuidgid(config->user->data.scalar) == 0)
        return true;
    cbx_config_complain(config->user, "user", "cannot become %s", config->user->data.scalar);
    return false;
}

static bool open_store(cbx_config_t *config)
{
    char why[512];

    if (config->listens.inherited)
        cbx_store_wait(config->settings.database);
    server.store =
        cbx_store_open(config->settings.database, config->settings.synchronous_full, why, sizeof(why));
    if (server.store == NULL)
        cbx_config_complain(place_of_database(config), "chatterbox.database", "%s", why);
    return server.store != NULL;
}

static bool make_files(cbx_config_t *config)
{
    return cbx_files_open_logs(config) &&
           cbx_listens_open_unix(&config->listens, config->settings.num_threads) &&
           cbx_files_open_pid(config) && become_user(config) && cbx_files_load_secret(config) &&
           open_store(config) && cbx_files_write_pid(config);
}

static unsigned pool_threads(const cbx_config_t *config)
{
    return config->settings.num_threads > POOL_MIN ? config->settings.num_threads : POOL_MIN;
}

static bool no_threads(const cbx_config_t *config)
{
    cbx_config_complain(config->tree, "num-threads",
                        "cannot start %u threads, and as many for what can wait; "
                        "lower it",
                        config->settings.num_threads);
    return false;
}

static bool make_core(cbx_config_t *config)
{
    unsigned threads = pool_threads(config);

    if ((server.pool = cbx_pool_create(threads)) == NULL)
        return no_threads(config);
    if ((server.readers = cbx_readers_create(server.store, threads)) != NULL &&
        (server.core = cbx_core_create(server.loop, &config->settings, server.store, server.pool,
                                       server.readers)) != NULL)
        return true;
    cbx_config_complain(place_of_database(config), "chatterbox.database", "cannot read %s",
                        config->settings.database);
    return false;
}

/* -- the drain -- */

static void say_goodbye(void)
{
    if (server.goodbye)
        return;
    server.goodbye = true;
    for (unsigned i = 0; i != server.workers_len; ++i)
        cbx_worker_drain(server.workers[i], server.deadline);
}

static void on_drained(void *arg)
{
    (void)arg;
    server.drained = true;
    uv_timer_stop(&server.commit_timer);
    say_goodbye();
}

/* the disk is slow: the goodbye cannot wait for it. What is not committed was not acknowledged. */
static void on_commit_timeout(uv_timer_t *timer)
{
    (void)timer;
    cbx_log(CBX_LOG_WARN, "drain-without-commit", NULL);
    say_goodbye();
}

static void drain(void)
{
    server.deadline = cbx_clock_steady() + DRAIN_MS;
    cbx_notify("STOPPING=1");
    for (unsigned i = 0; i != server.workers_len; ++i)
        cbx_worker_close_listeners(server.workers[i]);
    uv_timer_start(&server.commit_timer, on_commit_timeout, COMMIT_MS, 0);
    cbx_core_drain(server.core, on_drained, NULL);
}

static void hurry(void)
{
    say_goodbye();
    for (unsigned i = 0; i != server.workers_len; ++i)
        cbx_worker_cut(server.workers[i]);
}

static void on_end_signal(uv_signal_t *handle, int number)
{
    (void)handle;
    cbx_log(CBX_LOG_INFO, server.deadline == 0 ? "draining" : "hurrying", "signal",
            number == SIGINT ? "INT" : "TERM", NULL);
    if (server.deadline == 0)
        drain();
    else
        hurry();
}

static void on_hangup(uv_signal_t *handle, int number)
{
    (void)handle, (void)number;
    cbx_notify("RELOADING=1");
    cbx_files_reopen_logs();
    cbx_listens_reload_tls(&server.config->listens);
    if (server.deadline == 0)
        cbx_notify("READY=1");
}

static void on_tend(uv_timer_t *timer)
{
    (void)timer;
    cbx_listens_tend_tls(&server.config->listens);
}

/* a worker has done its last turn */
static void on_ended(void *arg)
{
    (void)arg;
    atomic_fetch_add(&server.ended, 1);
    uv_async_send(&server.on_ended);
}

static void on_ended_async(uv_async_t *async)
{
    if (atomic_load(&server.ended) == server.workers_len)
        uv_stop(async->loop);
}

/* -- serve -- */

static void open_handles(void)
{
    const int numbers[] = {SIGTERM, SIGINT, SIGHUP};

    uv_async_init(server.loop, &server.on_ended, on_ended_async);
    uv_timer_init(server.loop, &server.commit_timer);
    cbx_trim_start(&server.trim, server.loop);
    uv_timer_init(server.loop, &server.tend_timer);
    uv_timer_start(&server.tend_timer, on_tend, TEND_MS, TEND_MS);
    for (unsigned i = 0; i != 3; ++i) {
        uv_signal_init(server.loop, &server.signals[i]);
        uv_signal_start(&server.signals[i], numbers[i] == SIGHUP ? on_hangup : on_end_signal, numbers[i]);
    }
}

static size_t open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t n = 0;

    if (dir == NULL)
        return 0;
    while (readdir(dir) != NULL)
        ++n;
    closedir(dir);
    return n;
}

/* what there are descriptors for, when all that is not a connection has its own; each worker has some */
static size_t max_connections(const cbx_config_t *config)
{
    size_t reserved = open_fds() + pool_threads(config) * READER_FDS + RESERVED_FDS, max = 1;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > reserved)
        max = limit.rlim_cur - reserved;
    return config->max_connections != 0 && config->max_connections < max ? config->max_connections : max;
}

static bool start_workers(cbx_config_t *config)
{
    server.pages = cbx_pages_create();
    server.limits = cbx_limits_create(config->settings.logins_per_minute);
    server.env = (cbx_worker_env_t){
        config, server.core, server.pool, server.readers, server.pages, server.limits, 0, on_ended, NULL};
    server.workers = cbx_zalloc(config->settings.num_threads * sizeof(*server.workers));
    for (; server.workers_len != config->settings.num_threads; ++server.workers_len)
        if ((server.workers[server.workers_len] = cbx_worker_create(&server.env, server.workers_len)) == NULL)
            return false;
    server.env.max_connections = max_connections(config);
    if (server.env.max_connections < config->max_connections)
        cbx_log(CBX_LOG_WARN, "max-connections-lowered", "to", cbx_log_fmt("%zu", server.env.max_connections),
                "why", "the limit of descriptors", NULL);
    for (unsigned i = 0; i != server.workers_len; ++i)
        cbx_worker_start(server.workers[i]);
    return true;
}

/* signals are the main thread's: the others are made while it holds them up */
static void hold_signals(bool held)
{
    sigset_t set;

    sigemptyset(&set);
    if (held)
        sigfillset(&set);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
}

static bool start(cbx_config_t *config)
{
    cbx_ceiling_find(config->settings.num_threads);
    server.loop = uv_default_loop();
    if (!cbx_password_init()) {
        cbx_config_complain(config->tree, "memory", "there are no 64 MB, which a password takes; allow more");
        return false;
    }
    if (!make_files(config) || !make_core(config))
        return false;
    open_handles();
    if (!start_workers(config))
        return no_threads(config);
    cbx_log(CBX_LOG_INFO, "started", "version", CBX_VERSION, "workers", cbx_log_fmt("%u", server.workers_len),
            NULL);
    cbx_listens_print(&config->listens);
    fputs("ready\n", stderr);
    cbx_notify("READY=1");
    cbx_files_redirect_stderr();
    return true;
}

/* -- free -- */

static void close_handles(void)
{
    uv_close((uv_handle_t *)&server.on_ended, NULL);
    uv_close((uv_handle_t *)&server.commit_timer, NULL);
    cbx_trim_stop(&server.trim);
    uv_close((uv_handle_t *)&server.tend_timer, NULL);
    for (unsigned i = 0; i != 3; ++i)
        uv_close((uv_handle_t *)&server.signals[i], NULL);
}

/* the workers wait and touch nothing; the pool ends first, then nobody sends letters but the core */
static void free_all(void)
{
    cbx_pool_free(server.pool);
    cbx_core_free(server.core);
    for (unsigned i = 0; i != server.workers_len; ++i)
        cbx_worker_free(server.workers[i]);
    free(server.workers);
    cbx_readers_free(server.readers);
    cbx_pages_free(server.pages);
    cbx_limits_free(server.limits);
    cbx_store_close(server.store);
    close_handles();
    uv_run(server.loop, UV_RUN_DEFAULT);
    uv_loop_close(server.loop);
}

/* ends the process with threads at work; exit() would take the libraries apart below them */
static _Noreturn void leave(int status)
{
    fflush(NULL);
    _exit(status);
}

static int serve(cbx_config_t *config)
{
    bool empty = true;

    uv_run(server.loop, UV_RUN_DEFAULT);
    for (unsigned i = 0; i != server.workers_len; ++i)
        empty = cbx_worker_is_empty(server.workers[i]) && empty;
    cbx_files_remove_pid(config->listens.inherited);
    cbx_listens_close(&config->listens);
    cbx_log(CBX_LOG_INFO, "stopped", "left", empty ? NULL : "connections", NULL);
    /* who says it again is too late, and without handlers it would look like an accident */
    hold_signals(true);
    if (!empty || !server.drained)
        leave(0);
    free_all();
    return 0;
}

/* what was made is removed; the threads go with the process */
static _Noreturn void give_up(cbx_config_t *config)
{
    cbx_files_remove_pid(config->listens.inherited);
    cbx_listens_close(&config->listens);
    leave(1);
}

int cbx_server_run(const char *config_path, bool check_only)
{
    signal(SIGPIPE, SIG_IGN);
    raise_fd_limit();
    if ((server.tree = cbx_config_load(config_path)) == NULL ||
        (server.checked = cbx_config_read(config_path, server.tree, true)) == NULL || !check(server.checked))
        return 1;
    if (check_only) {
        printf("configuration OK\n");
        return 0;
    }
    if (!bind_ports(server.checked) ||
        (server.config = cbx_config_read(config_path, server.tree, false)) == NULL)
        return 1;
    cbx_listens_move(&server.checked->listens, &server.config->listens);
    hold_signals(true);
    if (!start(server.config))
        give_up(server.config);
    hold_signals(false);
    return serve(server.config);
}
