/* listener.c -- sockets to accept on.
 *
 * Main thread, at the start and the end. Each worker has a socket of its own for every TCP address
 * (SO_REUSEPORT: the kernel spreads the connections, and no worker wakes for another's). But two servers of
 * the same user could share a port that way without noticing, so a socket without it is bound first, to see
 * that the port is free. Unix sockets know nothing of the kind: the workers share one, and one that was
 * handed over (inherit.c), too.
 */
#include "server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "server/config.h"
#include "server/tickets.h"

#define BACKLOG 65535 /* the kernel caps it at net.core.somaxconn */

static bool is_unix(const cbx_listen_t *l)
{
    return l->addr.sa.sa_family == AF_UNIX;
}

const char *cbx_listen_name(const cbx_listen_t *l)
{
    static char text[INET6_ADDRSTRLEN + 16];
    char host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in *in = (const void *)&l->addr;
    const struct sockaddr_in6 *in6 = (const void *)&l->addr;

    if (is_unix(l))
        return l->addr.un.sun_path;
    if (l->addr.sa.sa_family == AF_INET) {
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(text, sizeof(text), "%s:%u", host, ntohs(in->sin_port));
    } else {
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        snprintf(text, sizeof(text), "[%s]:%u", host, ntohs(in6->sin6_port));
    }
    return text;
}

void cbx_listens_bind_hosts(cbx_listens_t *listens, h2o_hostconf_t **hosts)
{
    for (size_t i = 0; i != listens->len; ++i)
        if (listens->list[i]->hosts == NULL)
            listens->list[i]->hosts = hosts;
}

/* -- TLS -- */

bool cbx_listens_load_tls(cbx_listens_t *listens)
{
    char why[512];
    const yoml_t *at;

    cbx_tickets_turn(cbx_clock_steady());
    for (size_t i = 0; i != listens->len; ++i) {
        cbx_listen_t *l = listens->list[i];
        if (l->certs_len == 0)
            continue;
        if ((l->tls = cbx_tls_create(l->certs, l->certs_len, &at, why, sizeof(why))) == NULL) {
            cbx_config_complain(at, "listen", "%s", why);
            return false;
        }
    }
    return true;
}

static void reload_tls(cbx_listen_t *l)
{
    char why[512];
    const yoml_t *at;

    if (cbx_tls_reload(l->tls, &at, why, sizeof(why)))
        cbx_log(CBX_LOG_INFO, "certificate-loaded", "file", l->certs[0].certificate_file->data.scalar, NULL);
    else
        cbx_log(CBX_LOG_ERROR, "certificate-kept", "file", at->data.scalar, "why", why, NULL);
}

void cbx_listens_reload_tls(cbx_listens_t *listens)
{
    for (size_t i = 0; i != listens->len; ++i)
        if (listens->list[i]->tls != NULL)
            reload_tls(listens->list[i]);
}

void cbx_listens_tend_tls(cbx_listens_t *listens)
{
    cbx_tickets_turn(cbx_clock_steady());
    for (size_t i = 0; i != listens->len; ++i)
        if (listens->list[i]->tls != NULL && cbx_tls_is_stale(listens->list[i]->tls))
            reload_tls(listens->list[i]);
}

/* -- TCP -- */

static bool set_flag(int fd, int level, int option)
{
    return setsockopt(fd, level, option, &(int){1}, sizeof(int)) == 0;
}

/* a socket bound to the address, or -1 and errno */
static int bind_tcp(const cbx_listen_t *l, bool shared)
{
    int fd = socket(l->addr.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP), err;

    if (fd != -1 && set_flag(fd, SOL_SOCKET, SO_REUSEADDR) &&
        (!shared || set_flag(fd, SOL_SOCKET, SO_REUSEPORT)) &&
        (l->addr.sa.sa_family != AF_INET6 || set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY)) &&
        bind(fd, &l->addr.sa, l->addr_len) == 0)
        return fd;
    err = errno;
    if (fd != -1)
        close(fd);
    errno = err;
    return -1;
}

/* Nobody else listens there? SO_REUSEADDR lets two bind before one listens, so the probe does. */
static bool is_free(const cbx_listen_t *l)
{
    int fd = bind_tcp(l, false), err = 0;

    if (fd == -1)
        return false;
    if (listen(fd, 1) != 0)
        err = errno;
    close(fd);
    errno = err;
    return err == 0;
}

static void add_fd(cbx_listen_t *l, int fd)
{
    l->fds = cbx_realloc(l->fds, (l->fds_len + 1) * sizeof(*l->fds));
    l->fds[l->fds_len++] = fd;
}

bool cbx_listen_share(cbx_listen_t *l, int fd, unsigned workers)
{
    add_fd(l, fd);
    if (listen(fd, BACKLOG) != 0)
        return false;
    while (l->fds_len != workers) {
        if ((fd = fcntl(l->fds[0], F_DUPFD_CLOEXEC, 0)) == -1)
            return false;
        add_fd(l, fd);
    }
    return true;
}

static bool open_tcp(cbx_listen_t *l, unsigned fastopen)
{
    int fd = bind_tcp(l, true);

    if (fd == -1)
        return false;
    add_fd(l, fd);
    if (fastopen != 0 && setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &(int){(int)fastopen}, sizeof(int)) != 0)
        cbx_log(CBX_LOG_WARN, "tcp-fastopen", "why", strerror(errno), NULL);
    if (listen(fd, BACKLOG) != 0)
        return false;
    l->addr_len = sizeof(l->addr.storage); /* the first tells the others which free port it got */
    return getsockname(fd, &l->addr.sa, &l->addr_len) == 0;
}

bool cbx_listens_open_tcp(cbx_listens_t *listens, unsigned workers, unsigned fastopen)
{
    for (size_t i = 0; i != listens->len; ++i) {
        cbx_listen_t *l = listens->list[i];
        bool ok = is_unix(l) || l->any_port || l->inherited || is_free(l);
        while (ok && !is_unix(l) && l->fds_len != workers)
            ok = open_tcp(l, fastopen);
        if (!ok) {
            cbx_config_complain(
                l->node, "listen", "cannot listen on %s: %s%s", cbx_listen_name(l), strerror(errno),
                errno == EADDRINUSE ? "; stop who does, or choose another port (0: any free one)" : "");
            return false;
        }
    }
    return true;
}

/* -- unix -- */

/* is somebody there who answers? */
static bool is_alive(const cbx_listen_t *l)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool alive = fd != -1 && (connect(fd, &l->addr.sa, l->addr_len) == 0 || errno == EAGAIN);

    if (fd != -1)
        close(fd);
    return alive;
}

static bool check_unix(const cbx_listen_t *l)
{
    const char *path = l->addr.un.sun_path;
    struct stat st;

    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
        cbx_config_complain(l->node, "listen", "%s is there already and is no socket; name another path",
                            path);
        return false;
    }
    if (is_alive(l)) {
        cbx_config_complain(l->node, "listen", "another program listens on %s; stop it, or name another path",
                            path);
        return false;
    }
    return true;
}

bool cbx_listens_check_unix(const cbx_listens_t *listens)
{
    for (size_t i = 0; i != listens->len; ++i)
        if (is_unix(listens->list[i]) && !listens->list[i]->inherited && !check_unix(listens->list[i]))
            return false;
    return true;
}

static bool set_owner(const cbx_listen_t *l)
{
    const struct passwd *owner = l->owner != NULL ? getpwnam(l->owner->data.scalar) : NULL;
    const char *path = l->addr.un.sun_path;

    return (owner == NULL || chown(path, owner->pw_uid, owner->pw_gid) == 0) &&
           (l->permission == -1 || chmod(path, (mode_t)l->permission) == 0);
}

static bool open_unix(cbx_listen_t *l, unsigned workers)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd == -1)
        return false;
    unlink(l->addr.un.sun_path);
    l->made_file = bind(fd, &l->addr.sa, l->addr_len) == 0;
    if (l->made_file && set_owner(l))
        return cbx_listen_share(l, fd, workers);
    add_fd(l, fd); /* to be closed with the others */
    return false;
}

bool cbx_listens_open_unix(cbx_listens_t *listens, unsigned workers)
{
    for (size_t i = 0; i != listens->len; ++i) {
        cbx_listen_t *l = listens->list[i];
        if (is_unix(l) && !l->inherited && !open_unix(l, workers)) {
            cbx_config_complain(l->node, "listen", "cannot listen on %s: %s", l->addr.un.sun_path,
                                strerror(errno));
            return false;
        }
    }
    return true;
}

/* -- all -- */

void cbx_listens_move(cbx_listens_t *from, cbx_listens_t *to)
{
    CBX_ASSERT(from->len == to->len);
    to->inherited = from->inherited;
    for (size_t i = 0; i != from->len; ++i) {
        cbx_listen_t *f = from->list[i], *t = to->list[i];
        t->addr = f->addr;
        t->addr_len = f->addr_len;
        t->tls = f->tls;
        t->fds = f->fds;
        t->fds_len = f->fds_len;
        t->inherited = f->inherited;
        f->tls = NULL;
        f->fds = NULL;
        f->fds_len = 0;
    }
}

void cbx_listens_print(const cbx_listens_t *listens)
{
    for (size_t i = 0; i != listens->len; ++i) {
        const cbx_listen_t *l = listens->list[i];
        if (is_unix(l))
            fprintf(stderr, "listening on unix:%s\n", l->addr.un.sun_path);
        else
            fprintf(stderr, "listening on %s://%s\n", l->certs_len != 0 ? "https" : "http",
                    cbx_listen_name(l));
    }
}

void cbx_listens_close(cbx_listens_t *listens)
{
    for (size_t i = 0; i != listens->len; ++i) {
        cbx_listen_t *l = listens->list[i];
        for (size_t j = 0; j != l->fds_len; ++j)
            if (l->fds[j] != -1)
                close(l->fds[j]);
        free(l->fds);
        l->fds = NULL;
        l->fds_len = 0;
        cbx_tls_free(l->tls);
        l->tls = NULL;
        if (l->made_file)
            unlink(l->addr.un.sun_path);
        l->made_file = false;
    }
    cbx_tickets_wipe();
}
