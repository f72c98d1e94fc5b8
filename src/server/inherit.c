/* inherit.c -- sockets from the environment: the protocol of Server::Starter, and systemd's socket
 * activation.
 *
 *     SERVER_STARTER_PORT=127.0.0.1:8080=3;/run/chatterbox.sock=4     LISTEN_PID=4711 LISTEN_FDS=2 (3 and 4)
 *
 * Both say which descriptors; what they are bound to, the kernel knows. Who opened them keeps them: so they
 * outlive us, and who waits in their queue when we end is served by the next of us.
 */
#include "server/inherit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "server/config.h"

enum {
    FIRST_FD = 3, /* systemd's sockets begin behind stderr */
    FDS_MAX = 256 /* more listens than anybody has */
};

static struct handed {
    int fd;
    bool taken;
    union {
        struct sockaddr sa;
        struct sockaddr_storage storage;
    } addr;
} handed[FDS_MAX];
static size_t handed_len;

/* -- what was handed over -- */

static bool add(int fd)
{
    struct handed *h = &handed[handed_len];
    socklen_t len = sizeof(h->addr.storage);

    if (handed_len == FDS_MAX || getsockname(fd, &h->addr.sa, &len) != 0)
        return false;
    h->fd = fd;
    ++handed_len;
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

/* "name=fd;name=fd"; the names may be anything */
static bool read_server_starter(const char *text)
{
    bool ok = true;

    while (ok && *text != '\0') {
        size_t len = strcspn(text, ";");
        const char *equals = memrchr(text, '=', len);
        int fd, end = 0;
        ok = equals != NULL && sscanf(equals, "=%d%n", &fd, &end) == 1 && equals + end == text + len &&
             add(fd);
        text += len + (text[len] == ';');
    }
    return ok;
}

static bool read_systemd(const char *count)
{
    const char *pid = getenv("LISTEN_PID");
    bool ok = true;

    if (pid == NULL || atol(pid) != (long)getpid())
        return true; /* meant for who started us */
    for (int i = 0, n = atoi(count); ok && i < n; ++i)
        ok = add(FIRST_FD + i);
    return ok;
}

static bool read_environment(const yoml_t *at)
{
    const char *starter = getenv("SERVER_STARTER_PORT"), *systemd = getenv("LISTEN_FDS");

    if (starter != NULL && !read_server_starter(starter)) {
        cbx_config_complain(at, "listen", "SERVER_STARTER_PORT names what is no socket: %s", starter);
        return false;
    }
    if (starter == NULL && systemd != NULL && !read_systemd(systemd)) {
        cbx_config_complain(at, "listen", "LISTEN_FDS counts what is no socket: %s", systemd);
        return false;
    }
    return true;
}

/* a program that we start (a log's pipe) has nothing to do with them */
static void clean_environment(void)
{
    unsetenv("SERVER_STARTER_PORT");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDNAMES");
}

/* -- who gets what -- */

static struct handed *find(const cbx_listen_t *l)
{
    for (size_t i = 0; i != handed_len; ++i)
        if (handed[i].addr.sa.sa_family == l->addr.sa.sa_family &&
            h2o_socket_compare_address(&handed[i].addr.sa, (struct sockaddr *)&l->addr.sa) == 0)
            return &handed[i];
    return NULL;
}

static bool take(cbx_listen_t *l, unsigned workers)
{
    struct handed *h = find(l);

    if (h == NULL || h->taken)
        cbx_config_complain(l->node, "listen",
                            "%s is not among the sockets that were handed over; add it there",
                            cbx_listen_name(l));
    else if (!cbx_listen_share(l, h->fd, workers))
        cbx_config_complain(l->node, "listen", "cannot listen on %s with the socket that was handed over: %s",
                            cbx_listen_name(l), strerror(errno));
    else
        return h->taken = l->inherited = true;
    return false;
}

bool cbx_inherit_sockets(cbx_listens_t *listens, unsigned workers, const yoml_t *at)
{
    if (!read_environment(at))
        return false;
    clean_environment();
    if (handed_len == 0)
        return true;
    for (size_t i = 0; i != listens->len; ++i)
        if (!take(listens->list[i], workers))
            return false;
    for (size_t i = 0; i != handed_len; ++i) {
        if (!handed[i].taken) {
            cbx_config_complain(at, "listen", "no listen is for the socket %d that was handed over; add one",
                                handed[i].fd);
            return false;
        }
    }
    return listens->inherited = true;
}
