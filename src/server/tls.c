/* tls.c -- TLS 1.2 and 1.3 as scanners like it, a certificate for each name, and new ones under way.
 *
 * H2O gets one context for each address, the front, which never changes: H2O takes no reference to it before
 * a client's first bytes, and these may come long after a reload. The front has no certificate. When the
 * ClientHello is there, before a version is chosen, a callback on the worker's thread picks the identity of
 * the name that the client asks for, with that name's certificates and rules. A reload swaps the list of
 * identities below a lock; connections hold on to theirs.
 *
 * There is no session cache: tickets resume sessions on every worker (tickets.c). No early data: it can be
 * replayed. Buffers are given back between records, as most connections are quiet.
 */
#include "server/tls.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/error.h"
#include "server/identity.h"
#include "server/tickets.h"

#define GROUPS "X25519:P-256:P-384"
#define SESSION_CONTEXT "chatterbox"
#define NAME_HEAD 5 /* bytes of server_name before the name: length of the list, kind, length */

struct cbx_tls {
    SSL_CTX *front;
    const cbx_tls_cert_t *certs; /* lent */
    size_t certs_len;
    pthread_mutex_t lock;
    struct list {
        size_t len; /* the first is also for names that no other is for */
        cbx_identity_t *identities[];
    } * list;
};

/* -- whom a client wants -- */

/* `*` is for all, `*.example.org` for all below example.org, as in H2O */
static bool is_for(const char *pattern, const char *name)
{
    size_t tail = strlen(pattern) - 1, len = strlen(name);

    if (pattern[0] != '*')
        return strcasecmp(pattern, name) == 0;
    return len > tail && strcasecmp(name + len - tail, pattern + 1) == 0;
}

static const cbx_identity_t *find(const struct list *list, const char *name)
{
    for (size_t i = 0; i != list->len; ++i)
        if (cbx_identity_name(list->identities[i]) != NULL &&
            is_for(cbx_identity_name(list->identities[i]), name))
            return list->identities[i];
    return list->identities[0];
}

/* the name in a ClientHello's server_name, or "". What is broken there OpenSSL refuses, after us. */
static void read_name(SSL *ssl, char name[TLSEXT_MAXLEN_host_name + 1])
{
    const unsigned char *ext;
    size_t len, name_len = 0;

    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &ext, &len) == 1 && len >= NAME_HEAD &&
        ext[2] == TLSEXT_NAMETYPE_host_name)
        name_len = (size_t)ext[3] << 8 | ext[4];
    if (name_len > TLSEXT_MAXLEN_host_name || NAME_HEAD + name_len > len)
        name_len = 0;
    if (name_len != 0)
        memcpy(name, ext + NAME_HEAD, name_len);
    name[name_len] = '\0';
}

/* a worker's thread, in a handshake */
static int on_client_hello(SSL *ssl, int *alert, void *arg)
{
    cbx_tls_t *tls = arg;
    char name[TLSEXT_MAXLEN_host_name + 1];

    (void)alert;
    read_name(ssl, name);
    pthread_mutex_lock(&tls->lock);
    cbx_identity_assume(find(tls->list, name), ssl);
    pthread_mutex_unlock(&tls->lock);
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* tells the client that its name was heard */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    (void)ssl, (void)alert, (void)arg;
    return SSL_TLSEXT_ERR_OK;
}

/* -- the front -- */

static SSL_CTX *create_front(cbx_tls_t *tls)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    CBX_ASSERT(ctx != NULL);
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CLEANSE_PLAINTEXT); /* there are passwords in it */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)SESSION_CONTEXT, sizeof(SESSION_CONTEXT) - 1);
    CBX_ASSERT(SSL_CTX_set1_groups_list(ctx, GROUPS) == 1);
    SSL_CTX_set_client_hello_cb(ctx, on_client_hello, tls);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
    cbx_tickets_use(ctx);
    return ctx;
}

/* -- the list -- */

static void free_list(struct list *list)
{
    for (size_t i = 0; list != NULL && i != list->len; ++i)
        cbx_identity_free(list->identities[i]);
    free(list);
}

static bool is_first_of_name(const cbx_tls_cert_t *certs, size_t i)
{
    for (size_t j = 0; j != i; ++j)
        if (certs[j].name == certs[i].name ||
            (certs[j].name != NULL && certs[i].name != NULL && strcmp(certs[j].name, certs[i].name) == 0))
            return false;
    return true;
}

bool cbx_tls_reload(cbx_tls_t *tls, const yoml_t **at, char *why, size_t why_len)
{
    struct list *list = cbx_zalloc(sizeof(*list) + tls->certs_len * sizeof(list->identities[0])), *old;

    for (size_t i = 0; i != tls->certs_len; ++i) {
        if (!is_first_of_name(tls->certs, i))
            continue;
        list->identities[list->len] =
            cbx_identity_create(&tls->certs[i], tls->certs_len - i, at, why, why_len);
        if (list->identities[list->len] == NULL) {
            free_list(list);
            return false;
        }
        ++list->len;
    }
    pthread_mutex_lock(&tls->lock);
    old = tls->list;
    tls->list = list;
    pthread_mutex_unlock(&tls->lock);
    free_list(old);
    return true;
}

bool cbx_tls_is_stale(cbx_tls_t *tls)
{
    bool stale = false;

    for (size_t i = 0; i != tls->list->len; ++i)
        stale = cbx_identity_is_stale(tls->list->identities[i]) || stale;
    return stale;
}

/* -- life -- */

cbx_tls_t *cbx_tls_create(const cbx_tls_cert_t *certs, size_t n, const yoml_t **at, char *why, size_t why_len)
{
    cbx_tls_t *tls = cbx_zalloc(sizeof(*tls));

    tls->certs = certs;
    tls->certs_len = n;
    pthread_mutex_init(&tls->lock, NULL);
    tls->front = create_front(tls);
    if (cbx_tls_reload(tls, at, why, why_len))
        return tls;
    cbx_tls_free(tls);
    return NULL;
}

SSL_CTX *cbx_tls_context(cbx_tls_t *tls)
{
    return tls->front;
}

void cbx_tls_free(cbx_tls_t *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->front);
    free_list(tls->list);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}
