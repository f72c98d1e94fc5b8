/* tls.c -- TLS 1.2 and 1.3 as scanners like it, SNI, and contexts that can be swapped under way.
 *
 * Contexts are made on the main thread, at the start and at SIGHUP, and shared by the workers; OpenSSL counts
 * their references with atomics. The first certificate's context carries the list of all of a listener (its
 * SNI callback needs that) as extra data, which dies with it: so old connections keep old certificates until
 * the last of them ends, and nobody has to know when that is. There is no session cache: tickets resume
 * sessions on every worker without a lock.
 */
#include "server/tls.h"

#include <h2o.h>
#include <openssl/err.h>
#include <stdio.h>
#include <strings.h>

#include "base/buf.h"
#include "base/error.h"

#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS "X25519:P-256:P-384"
#define SESSION_CONTEXT "chatterbox"

/* the certificates of a listener, by name; the first has the context that holds the list */
struct sni {
    size_t len;
    struct entry {
        char **names;
        size_t names_len;
        SSL_CTX *ctx; /* NULL for the first, which would hold itself */
    } entries[];
};

static void free_sni(void *parent, void *data, CRYPTO_EX_DATA *ad, int slot, long argl, void *argp)
{
    struct sni *sni = data;

    (void)parent, (void)ad, (void)slot, (void)argl, (void)argp;
    if (sni == NULL)
        return;
    for (size_t i = 0; i != sni->len; ++i) {
        for (size_t j = 0; j != sni->entries[i].names_len; ++j)
            free(sni->entries[i].names[j]);
        free(sni->entries[i].names);
        SSL_CTX_free(sni->entries[i].ctx);
    }
    free(sni);
}

/* main thread only, and first before any worker starts */
static int sni_slot(void)
{
    static int slot = -1;

    if (slot == -1)
        slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_sni);
    CBX_ASSERT(slot != -1);
    return slot;
}

/* `*` is for all, `*.example.org` for all below example.org, as in H2O */
static bool is_for(const char *pattern, const char *name)
{
    size_t tail = strlen(pattern) - 1, len = strlen(name);

    if (pattern[0] != '*')
        return strcasecmp(pattern, name) == 0;
    return len > tail && strcasecmp(name + len - tail, pattern + 1) == 0;
}

static const struct entry *find_entry(const struct sni *sni, const char *name)
{
    for (size_t i = 0; i != sni->len; ++i)
        for (size_t j = 0; j != sni->entries[i].names_len; ++j)
            if (is_for(sni->entries[i].names[j], name))
                return &sni->entries[i];
    return &sni->entries[0];
}

/* a worker's thread, in a handshake */
static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct entry *entry = name != NULL ? find_entry(arg, name) : NULL;

    (void)alert;
    if (entry != NULL && entry->ctx != NULL)
        SSL_set_SSL_CTX(ssl, entry->ctx);
    return SSL_TLSEXT_ERR_OK;
}

/* a key with a passphrase: nobody is there to type it */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
    (void)buf, (void)size, (void)writing, (void)arg;
    return -1;
}

static const char *openssl_says(void)
{
    unsigned long err = ERR_get_error();
    const char *reason = err != 0 ? ERR_reason_error_string(err) : NULL;

    ERR_clear_error();
    return reason != NULL ? reason : "no reason given";
}

static bool load_files(SSL_CTX *ctx, const cbx_tls_cert_t *cert, const yoml_t **at, char *why, size_t why_len)
{
    const char *chain = cert->certificate_file->data.scalar, *key = cert->key_file->data.scalar;
    int reason;

    *at = cert->certificate_file;
    if (SSL_CTX_use_certificate_chain_file(ctx, chain) != 1) {
        snprintf(why, why_len, "cannot read a certificate (PEM) from %s: %s", chain, openssl_says());
        return false;
    }
    *at = cert->key_file;
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1 && SSL_CTX_check_private_key(ctx) == 1)
        return true;
    reason = ERR_GET_REASON(ERR_peek_last_error());
    if (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH)
        snprintf(why, why_len, "the key in %s does not fit the certificate in %s", key, chain);
    else
        snprintf(why, why_len, "cannot read a private key (PEM, without a passphrase) from %s: %s", key,
                 openssl_says());
    return false;
}

static void set_options(SSL_CTX *ctx, const cbx_tls_cert_t *cert)
{
    SSL_CTX_set_min_proto_version(ctx, cert->min_version);
    SSL_CTX_set_max_proto_version(ctx, cert->max_version);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    if (cert->client_preference)
        SSL_CTX_clear_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    else
        SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)SESSION_CONTEXT, sizeof(SESSION_CONTEXT) - 1);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set1_groups_list(ctx, GROUPS);
    h2o_ssl_register_alpn_protocols(ctx, h2o_alpn_protocols);
}

static SSL_CTX *create_one(const cbx_tls_cert_t *cert, const yoml_t **at, char *why, size_t why_len)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    CBX_ASSERT(ctx != NULL);
    ERR_clear_error();
    set_options(ctx, cert);
    if (SSL_CTX_set_cipher_list(ctx, cert->cipher_suite != NULL ? cert->cipher_suite->data.scalar
                                                                : CIPHERS) != 1) {
        *at = cert->cipher_suite;
        snprintf(why, why_len, "OpenSSL knows no cipher in this list; the default is " CIPHERS);
    } else if (load_files(ctx, cert, at, why, why_len)) {
        return ctx;
    }
    ERR_clear_error();
    SSL_CTX_free(ctx);
    return NULL;
}

static void copy_names(struct entry *entry, const cbx_tls_cert_t *cert)
{
    entry->names = cbx_zalloc((cert->names_len + 1) * sizeof(*entry->names));
    for (; entry->names_len != cert->names_len; ++entry->names_len)
        entry->names[entry->names_len] = cbx_strdup(cert->names[entry->names_len]);
}

SSL_CTX *cbx_tls_create(const cbx_tls_cert_t *certs, size_t n, const yoml_t **at, char *why, size_t why_len)
{
    struct sni *sni = cbx_zalloc(sizeof(*sni) + n * sizeof(sni->entries[0]));
    SSL_CTX *first = create_one(&certs[0], at, why, why_len);

    if (first == NULL) {
        free(sni);
        return NULL;
    }
    SSL_CTX_set_ex_data(first, sni_slot(), sni);
    SSL_CTX_set_tlsext_servername_callback(first, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(first, sni);
    for (; sni->len != n; ++sni->len) {
        struct entry *entry = &sni->entries[sni->len];
        if (sni->len != 0 && (entry->ctx = create_one(&certs[sni->len], at, why, why_len)) == NULL) {
            SSL_CTX_free(first);
            return NULL;
        }
        copy_names(entry, &certs[sni->len]);
    }
    return first;
}
