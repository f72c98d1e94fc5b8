/* listener.h -- where the server listens: what `listen` says, and the sockets for it. */
#ifndef cbx_server_listener_h
#define cbx_server_listener_h

#include <h2o.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "server/tls.h"

typedef struct cbx_listen {
    const yoml_t *node; /* where it is said; lent */
    union {
        struct sockaddr sa;
        struct sockaddr_storage storage;
        struct sockaddr_un un;
    } addr; /* as asked for; port 0 is filled in when it is open */
    socklen_t addr_len;
    bool any_port;       /* port 0 was asked for */
    const yoml_t *owner; /* of a unix socket's file, or NULL */
    int permission;      /* of a unix socket's file, or -1 */
    bool proxy_protocol;
    h2o_hostconf_t **hosts; /* NULL-terminated; NULL: all hosts, until cbx_listens_bind_hosts */
    cbx_tls_cert_t *certs;
    size_t certs_len; /* 0: no TLS */

    cbx_tls_t *tls;
    int *fds; /* one for each worker */
    size_t fds_len;
    bool made_file; /* the unix socket's file is ours to remove */
    bool inherited; /* the socket outlives us: inherit.h */
} cbx_listen_t;

typedef struct cbx_listens {
    cbx_listen_t **list;
    size_t len;
    bool inherited; /* all of them; another server of us may be there */
} cbx_listens_t;

/* "127.0.0.1:8080", "[::1]:8080", "/run/chatterbox.sock"; static */
const char *cbx_listen_name(const cbx_listen_t *listen);
/* listens on `fd`, which becomes the listen's, for all `workers`; false and errno */
bool cbx_listen_share(cbx_listen_t *listen, int fd, unsigned workers);

/* listens without hosts of their own serve all of `hosts` */
void cbx_listens_bind_hosts(cbx_listens_t *listens, h2o_hostconf_t **hosts);

/* reads the certificates; false after a complaint; then `tls` may be missing in some */
bool cbx_listens_load_tls(cbx_listens_t *listens);
/* reads them again, as the files are now. Where one cannot be read, that is logged, and the old ones stay. */
void cbx_listens_reload_tls(cbx_listens_t *listens);
/* call it now and then: follows OCSP files that change, and turns the keys of session tickets */
void cbx_listens_tend_tls(cbx_listens_t *listens);

/* opens `workers` sockets for each TCP listen that has none; false after a complaint */
bool cbx_listens_open_tcp(cbx_listens_t *listens, unsigned workers, unsigned fastopen);
/* the same for unix sockets, which makes files (and removes those that nobody listens at any more) */
bool cbx_listens_open_unix(cbx_listens_t *listens, unsigned workers);
/* could they be opened? Changes nothing. */
bool cbx_listens_check_unix(const cbx_listens_t *listens);
/* `to`, read from the same tree as `from`, takes over the sockets and contexts */
void cbx_listens_move(cbx_listens_t *from, cbx_listens_t *to);
/* writes "listening on URL" for each to stderr */
void cbx_listens_print(const cbx_listens_t *listens);
/* closes what is open and removes the files of unix sockets; harmless twice */
void cbx_listens_close(cbx_listens_t *listens);

#endif
