/* listen.c -- the directive `listen`, with the keys, values and meaning that H2O's program gives it.
 *
 *     listen: 8080
 *     listen: {host: 127.0.0.1, port: 8443, ssl: {certificate-file: c.pem, key-file: k.pem}}
 *     listen: {type: unix, port: /run/chatterbox.sock, owner: www-data, permission: 660}
 *
 * At the global level a listen serves all hosts, at a host's level only those that say so. Two that name the
 * same address are one, with the certificates of both, picked by SNI. Port 0 is a free port of its own each
 * time, but hosts that ask for one share theirs. Called while H2O applies a configuration; opens nothing.
 */
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <strings.h>

#include "base/buf.h"
#include "server/config.h"

/* one `listen`, as it is read */
struct asked {
    h2o_configurator_command_t *cmd;
    cbx_listens_t *listens;
    h2o_hostconf_t *host; /* NULL: global */
    yoml_t *node;
    const char *port, *address; /* address NULL: all of the machine */
    yoml_t *type, *owner, *permission, *proxy_protocol, *ssl;
    bool proxy;
    bool tls;
    cbx_tls_cert_t cert;
};

struct key {
    const char *name;
    yoml_t **value;
};

static int complain(const struct asked *a, const yoml_t *at, const char *what)
{
    cbx_config_complain(at, a->cmd->name, "%s", what);
    return -1;
}

/* the keys that a mapping may have, into `keys` (ended by a NULL name); all but `ssl` are scalars */
static bool read_keys(const struct asked *a, yoml_t *map, const struct key *keys)
{
    for (size_t i = 0; i != map->data.mapping.size; ++i) {
        yoml_t *name = map->data.mapping.elements[i].key, *value = map->data.mapping.elements[i].value;
        const struct key *key = keys;
        while (key->name != NULL &&
               (name->type != YOML_TYPE_SCALAR || strcmp(key->name, name->data.scalar) != 0))
            ++key;
        if (key->name == NULL) {
            cbx_config_complain(name, a->cmd->name, "unknown property: %s",
                                name->type == YOML_TYPE_SCALAR ? name->data.scalar : "(not a word)");
            return false;
        }
        if (value->type != (strcmp(key->name, "ssl") == 0 ? YOML_TYPE_MAPPING : YOML_TYPE_SCALAR)) {
            cbx_config_complain(value, a->cmd->name, "%s must be a %s", key->name,
                                strcmp(key->name, "ssl") == 0 ? "mapping" : "scalar");
            return false;
        }
        *key->value = value;
    }
    return true;
}

/* -- ssl -- */

static int read_version(const struct asked *a, const yoml_t *node, int otherwise)
{
    static const char *const old[] = {"SSLv2", "SSLv3", "TLSv1", "TLSv1.1"};

    if (node == NULL)
        return otherwise;
    if (strcasecmp(node->data.scalar, "TLSv1.2") == 0)
        return TLS1_2_VERSION;
    if (strcasecmp(node->data.scalar, "TLSv1.3") == 0)
        return TLS1_3_VERSION;
    for (size_t i = 0; i != sizeof(old) / sizeof(old[0]); ++i)
        if (strcasecmp(node->data.scalar, old[i]) == 0)
            return complain(a, node,
                            "versions before TLSv1.2 are broken and not supported; say TLSv1.2 or TLSv1.3");
    return complain(a, node, "the version must be TLSv1.2 or TLSv1.3");
}

static int read_preference(const struct asked *a, const yoml_t *node, bool *client)
{
    *client = node != NULL && strcasecmp(node->data.scalar, "client") == 0;
    if (node != NULL && !*client && strcasecmp(node->data.scalar, "server") != 0)
        return complain(a, node, "cipher-preference must be client or server");
    return 0;
}

/* H2O's keys that we have not, each with the value that says so */
static int refuse_unsupported(const struct asked *a, const yoml_t *ocsp_cmd, const yoml_t *ocsp_interval,
                              const yoml_t *ocsp_failures, const yoml_t *neverbleed, const yoml_t *dh_file)
{
    if (ocsp_interval != NULL && strcmp(ocsp_interval->data.scalar, "0") != 0)
        return complain(
            a, ocsp_interval,
            "nothing is fetched by itself; name the response by ocsp-file, and leave this out, or say 0");
    if (ocsp_cmd != NULL || ocsp_failures != NULL)
        return complain(a, ocsp_cmd != NULL ? ocsp_cmd : ocsp_failures,
                        "nothing is fetched by itself; name the response by ocsp-file, and leave this out");
    if (neverbleed != NULL && strcasecmp(neverbleed->data.scalar, "OFF") != 0)
        return complain(a, neverbleed, "neverbleed is not supported; leave it out, or say OFF");
    if (dh_file != NULL)
        return complain(a, dh_file,
                        "ciphers with DH parameters are not supported (ECDHE needs none); leave it out");
    return 0;
}

static int read_ssl(struct asked *a, yoml_t *ssl)
{
    yoml_t *min = NULL, *max = NULL, *preference = NULL, *ocsp_cmd = NULL, *ocsp_interval = NULL;
    yoml_t *ocsp_failures = NULL, *neverbleed = NULL, *dh_file = NULL;
    cbx_tls_cert_t *cert = &a->cert;
    const struct key keys[] = {
        {"certificate-file", &cert->certificate_file},
        {"key-file", &cert->key_file},
        {"minimum-version", &min},
        {"min-version", &min},
        {"maximum-version", &max},
        {"max-version", &max},
        {"cipher-suite", &cert->cipher_suite},
        {"cipher-preference", &preference},
        {"ocsp-file", &cert->ocsp_file},
        {"ocsp-update-cmd", &ocsp_cmd},
        {"ocsp-update-interval", &ocsp_interval},
        {"ocsp-max-failures", &ocsp_failures},
        {"neverbleed", &neverbleed},
        {"dh-file", &dh_file},
        {NULL, NULL},
    };

    a->tls = true;
    if (!read_keys(a, ssl, keys) ||
        refuse_unsupported(a, ocsp_cmd, ocsp_interval, ocsp_failures, neverbleed, dh_file) != 0 ||
        read_preference(a, preference, &cert->client_preference) != 0 ||
        (cert->min_version = read_version(a, min, TLS1_2_VERSION)) == -1 ||
        (cert->max_version = read_version(a, max, TLS1_3_VERSION)) == -1)
        return -1;
    if (cert->min_version > cert->max_version)
        return complain(a, min, "minimum-version is above maximum-version");
    if (cert->certificate_file == NULL)
        return complain(a, ssl, "certificate-file is missing");
    if (cert->key_file == NULL)
        return complain(a, ssl, "key-file is missing");
    return 0;
}

/* -- the mapping -- */

static int read_mapping(struct asked *a)
{
    yoml_t *port = NULL, *address = NULL;
    const struct key keys[] = {{"port", &port},
                               {"host", &address},
                               {"type", &a->type},
                               {"owner", &a->owner},
                               {"permission", &a->permission},
                               {"proxy-protocol", &a->proxy_protocol},
                               {"ssl", &a->ssl},
                               {NULL, NULL}};

    if (!read_keys(a, a->node, keys))
        return -1;
    if (port == NULL)
        return complain(a, a->node, "port is missing");
    a->port = port->data.scalar;
    a->address = address != NULL ? address->data.scalar : NULL;
    if (a->proxy_protocol != NULL &&
        !cbx_config_switch(a->proxy_protocol, a->cmd->name, "proxy-protocol", &a->proxy))
        return -1;
    return a->ssl != NULL ? read_ssl(a, a->ssl) : 0;
}

/* -- what there is already -- */

static bool is_tls(const cbx_listen_t *l)
{
    return l->certs_len != 0;
}

static cbx_listen_t *find(const struct asked *a, const struct sockaddr *sa, socklen_t len, bool any_port)
{
    for (size_t i = 0; i != a->listens->len; ++i) {
        cbx_listen_t *l = a->listens->list[i];
        bool same = l->addr_len == len && h2o_socket_compare_address(&l->addr.sa, (struct sockaddr *)sa) == 0;
        if (same && (!any_port || (a->host != NULL && l->hosts != NULL && is_tls(l) == a->tls)))
            return l;
    }
    return NULL;
}

static cbx_listen_t *add(struct asked *a, const struct sockaddr *sa, socklen_t len)
{
    cbx_listen_t *l = cbx_zalloc(sizeof(*l));

    memcpy(&l->addr, sa, len);
    l->addr_len = len;
    l->node = a->node;
    l->owner = a->owner;
    l->permission = -1;
    l->proxy_protocol = a->proxy;
    if (a->host != NULL)
        l->hosts = cbx_zalloc(sizeof(*l->hosts));
    a->listens->list = cbx_realloc(a->listens->list, (a->listens->len + 1) * sizeof(*a->listens->list));
    return a->listens->list[a->listens->len++] = l;
}

static bool is_same_cert(const cbx_tls_cert_t *a, const cbx_tls_cert_t *b)
{
    return strcmp(a->certificate_file->data.scalar, b->certificate_file->data.scalar) == 0 &&
           strcmp(a->key_file->data.scalar, b->key_file->data.scalar) == 0 &&
           (a->name == b->name || (a->name != NULL && b->name != NULL && strcmp(a->name, b->name) == 0));
}

/* asked for twice, it is there once: a name may stand for the same address twice */
static bool has_cert(const cbx_listen_t *l, const cbx_tls_cert_t *cert)
{
    for (size_t i = 0; i != l->certs_len; ++i)
        if (is_same_cert(&l->certs[i], cert))
            return true;
    return false;
}

static void add_cert(struct asked *a, cbx_listen_t *l)
{
    cbx_tls_cert_t cert = a->cert;

    if (a->host != NULL)
        cert.name = cbx_memdup(a->host->authority.host.base, a->host->authority.host.len);
    if (has_cert(l, &cert)) {
        free(cert.name);
        return;
    }
    l->certs = cbx_realloc(l->certs, (l->certs_len + 1) * sizeof(*l->certs));
    l->certs[l->certs_len++] = cert;
}

static void add_host(cbx_listen_t *l, h2o_hostconf_t *host)
{
    size_t n = 0;

    while (l->hosts[n] != NULL)
        ++n;
    l->hosts = cbx_realloc(l->hosts, (n + 2) * sizeof(*l->hosts));
    l->hosts[n] = host;
    l->hosts[n + 1] = NULL;
}

static int add_address(struct asked *a, const struct sockaddr *sa, socklen_t len, bool any_port,
                       cbx_listen_t **listen)
{
    cbx_listen_t *l = find(a, sa, len, any_port);

    if (l == NULL)
        l = add(a, sa, len);
    else if (l->proxy_protocol != a->proxy)
        return complain(a, a->node, "the same address is there with another proxy-protocol; make them equal");
    else if (is_tls(l) != a->tls)
        return complain(a, a->node,
                        "the same address is there for both HTTP and HTTPS; give one of them another port");
    l->any_port = any_port;
    if (a->tls)
        add_cert(a, l);
    if (a->host != NULL && l->hosts != NULL)
        add_host(l, a->host);
    *listen = l;
    return 0;
}

/* -- kinds -- */

static int listen_unix(struct asked *a)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    unsigned permission = 0;
    char junk;
    cbx_listen_t *l;

    if (strlen(a->port) >= sizeof(un.sun_path) || a->port[0] == '\0')
        return complain(a, a->node, "port must be the path of a unix socket, of 1 to 107 bytes");
    if (a->permission != NULL &&
        (sscanf(a->permission->data.scalar, "%o%c", &permission, &junk) != 1 || permission > 0777))
        return complain(a, a->permission, "permission must be an octal number, such as 660");
    if (a->owner != NULL && getpwnam(a->owner->data.scalar) == NULL)
        return complain(a, a->owner, "there is no such user on this machine");
    strcpy(un.sun_path, a->port);
    if (add_address(a, (struct sockaddr *)&un, sizeof(un), false, &l) != 0)
        return -1;
    if (a->permission != NULL)
        l->permission = (int)permission;
    return 0;
}

static int listen_tcp(struct asked *a)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_protocol = IPPROTO_TCP,
                                   .ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found = NULL;
    cbx_listen_t *l;
    char *end;
    unsigned long port = strtoul(a->port, &end, 10);
    int err, failed = 0;

    if (a->port[strspn(a->port, "0123456789")] != '\0' || a->port[0] == '\0' || strlen(a->port) > 5 ||
        port > 65535)
        return complain(a, a->node, "port must be a whole number from 0 to 65535");
    if (a->owner != NULL || a->permission != NULL)
        return complain(a, a->node, "owner and permission are for unix sockets; add `type: unix`");
    if ((err = getaddrinfo(a->address, a->port, &hints, &found)) != 0) {
        cbx_config_complain(a->node, a->cmd->name, "host must be an address of this machine; %s: %s",
                            a->address != NULL ? a->address : "(all)", gai_strerror(err));
        return -1;
    }
    for (struct addrinfo *ai = found; ai != NULL && failed == 0; ai = ai->ai_next)
        failed = add_address(a, ai->ai_addr, ai->ai_addrlen, port == 0, &l);
    freeaddrinfo(found);
    return failed;
}

int cbx_listen_on_config(h2o_configurator_command_t *cmd, cbx_config_t *config, h2o_hostconf_t *host,
                         yoml_t *node)
{
    struct asked a = {.cmd = cmd, .listens = &config->listens, .host = host, .node = node};

    if (node->type == YOML_TYPE_SCALAR)
        a.port = node->data.scalar;
    else if (node->type != YOML_TYPE_MAPPING)
        return complain(&a, node,
                        "the value must be a port, or a mapping such as {host: 127.0.0.1, port: 8080}");
    else if (read_mapping(&a) != 0)
        return -1;
    if (a.type == NULL || strcmp(a.type->data.scalar, "tcp") == 0)
        return listen_tcp(&a);
    if (strcmp(a.type->data.scalar, "unix") == 0)
        return listen_unix(&a);
    return complain(&a, a.type, "type must be tcp or unix");
}
