/* identity.c -- certificates to an SSL context.
 *
 * An identity has one context with up to a certificate of each kind of key; OpenSSL takes the one that the
 * client can check. The context's extra data is the identity itself, which so lives until the last
 * connection that came by it ends. Made by the main thread; assumed by the workers in handshakes.
 */
#include "server/identity.h"

#include <h2o.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "server/ocsp.h"

#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
#define SESSION_CONTEXT "chatterbox"
#define SECURITY_LEVEL 2 /* of OpenSSL: 112 bits, so RSA keys of 2048 and more, no SHA-1 */
#define KINDS 4          /* of keys: RSA, ECDSA, Ed25519, Ed448 */

/* a certificate of the context */
struct part {
    const cbx_tls_cert_t *cert;
    X509 *x509; /* a reference: the context drops it for another of its kind */
    cbx_ocsp_t ocsp;
    struct stat seen; /* the OCSP file, when it was read */
    bool said_expired;
};

struct cbx_identity {
    SSL_CTX *ctx; /* the owner of this; one reference is cbx_identity_free's */
    const cbx_tls_cert_t *rules;
    size_t len;
    struct part parts[KINDS];
};

static void on_context_freed(void *parent, void *data, CRYPTO_EX_DATA *ad, int slot, long argl, void *argp)
{
    cbx_identity_t *identity = data;

    (void)parent, (void)ad, (void)slot, (void)argl, (void)argp;
    for (size_t i = 0; identity != NULL && i != identity->len; ++i) {
        cbx_ocsp_dispose(&identity->parts[i].ocsp);
        X509_free(identity->parts[i].x509);
    }
    free(identity);
}

/* main thread only, and first before any worker starts */
static int extra_slot(void)
{
    static int slot = -1;

    if (slot == -1)
        slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_context_freed);
    CBX_ASSERT(slot != -1);
    return slot;
}

/* -- OCSP -- */

static void look_at(const struct part *part, struct stat *st)
{
    if (stat(part->cert->ocsp_file->data.scalar, st) != 0)
        memset(st, 0, sizeof(*st));
}

static void say_not_stapled(const struct part *part, const char *why)
{
    cbx_log(CBX_LOG_WARN, "ocsp-not-stapled", "file", part->cert->ocsp_file->data.scalar, "why", why, NULL);
}

static void load_ocsp(cbx_identity_t *identity, struct part *part)
{
    STACK_OF(X509) *chain = NULL;
    char why[256];

    if (part->cert->ocsp_file == NULL)
        return;
    look_at(part, &part->seen);
    SSL_CTX_get0_chain_certs(identity->ctx, &chain);
    if (!cbx_ocsp_read(&part->ocsp, part->cert->ocsp_file->data.scalar, part->x509, chain, why, sizeof(why)))
        say_not_stapled(part, why);
}

bool cbx_identity_is_stale(cbx_identity_t *identity)
{
    for (size_t i = 0; i != identity->len; ++i) {
        struct part *part = &identity->parts[i];
        struct stat now;
        if (part->cert->ocsp_file == NULL)
            continue;
        look_at(part, &now);
        if (now.st_ino != part->seen.st_ino || now.st_size != part->seen.st_size ||
            now.st_mtim.tv_sec != part->seen.st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != part->seen.st_mtim.tv_nsec)
            return true;
        if (part->ocsp.der != NULL && time(NULL) >= part->ocsp.until && !part->said_expired) {
            part->said_expired = true;
            say_not_stapled(part, "it has expired");
        }
    }
    return false;
}

/* a worker's thread, once the certificate is chosen; OpenSSL frees the copy */
static int on_status_asked(SSL *ssl, void *arg)
{
    const cbx_identity_t *identity = arg;
    const X509 *chosen = SSL_get_certificate(ssl);
    unsigned char *copy;

    for (size_t i = 0; i != identity->len; ++i) {
        const cbx_ocsp_t *ocsp = &identity->parts[i].ocsp;
        if (identity->parts[i].x509 != chosen || ocsp->der == NULL || time(NULL) >= ocsp->until ||
            (copy = OPENSSL_memdup(ocsp->der, ocsp->len)) == NULL)
            continue;
        SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)ocsp->len);
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_NOACK;
}

/* the copy would stay as long as the connection */
static void on_progress(const SSL *ssl, int where, int value)
{
    (void)value;
    if (where == SSL_CB_HANDSHAKE_DONE)
        SSL_set_tlsext_status_ocsp_resp((SSL *)ssl, NULL, 0);
}

/* -- the context -- */

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

/* it is used all the same: what people then see says more than a server that is not there */
static void warn_of_dates(const struct part *part)
{
    const char *wrong = NULL;

    if (X509_cmp_current_time(X509_get0_notAfter(part->x509)) < 0)
        wrong = "it has expired";
    else if (X509_cmp_current_time(X509_get0_notBefore(part->x509)) > 0)
        wrong = "it is of the future";
    if (wrong != NULL)
        cbx_log(CBX_LOG_WARN, "certificate-not-valid", "file", part->cert->certificate_file->data.scalar,
                "said-at",
                cbx_log_fmt("%s:%zu", part->cert->certificate_file->filename,
                            part->cert->certificate_file->line + 1),
                "why", wrong, NULL);
}

static bool have_same_rules(const cbx_tls_cert_t *a, const cbx_tls_cert_t *b)
{
    const char *a_list = a->cipher_suite != NULL ? a->cipher_suite->data.scalar : CIPHERS;
    const char *b_list = b->cipher_suite != NULL ? b->cipher_suite->data.scalar : CIPHERS;

    return a->min_version == b->min_version && a->max_version == b->max_version &&
           a->client_preference == b->client_preference && strcmp(a_list, b_list) == 0;
}

static bool has_kind(const cbx_identity_t *identity, X509 *x509)
{
    int kind = EVP_PKEY_get_base_id(X509_get0_pubkey(x509));

    for (size_t i = 0; i != identity->len; ++i)
        if (EVP_PKEY_get_base_id(X509_get0_pubkey(identity->parts[i].x509)) == kind)
            return true;
    return false;
}

static bool add_part(cbx_identity_t *identity, const cbx_tls_cert_t *cert, const yoml_t **at, char *why,
                     size_t why_len)
{
    struct part part = {.cert = cert};

    if (!load_files(identity->ctx, cert, at, why, why_len))
        return false;
    part.x509 = SSL_CTX_get0_certificate(identity->ctx);
    *at = cert->certificate_file;
    if (!have_same_rules(cert, identity->rules)) {
        snprintf(why, why_len,
                 "this host's other certificate has other versions or ciphers; make them equal");
        return false;
    }
    if (has_kind(identity, part.x509) || identity->len == KINDS) {
        snprintf(why, why_len,
                 "this host has another certificate with this kind of key; one of each kind is enough");
        return false;
    }
    warn_of_dates(&part);
    load_ocsp(identity, &part);
    X509_up_ref(part.x509);
    identity->parts[identity->len++] = part;
    return true;
}

static bool set_rules(cbx_identity_t *identity, const yoml_t **at, char *why, size_t why_len)
{
    SSL_CTX *ctx = identity->ctx;
    yoml_t *list = identity->rules->cipher_suite;

    SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)SESSION_CONTEXT, sizeof(SESSION_CONTEXT) - 1);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_tlsext_status_cb(ctx, on_status_asked);
    SSL_CTX_set_tlsext_status_arg(ctx, identity);
    SSL_CTX_set_info_callback(ctx, on_progress);
    h2o_ssl_register_alpn_protocols(ctx, h2o_alpn_protocols);
    if (SSL_CTX_set_cipher_list(ctx, list != NULL ? list->data.scalar : CIPHERS) == 1)
        return true;
    *at = list;
    snprintf(why, why_len, "OpenSSL knows no cipher in this list; the default is " CIPHERS);
    return false;
}

static bool is_of(const cbx_tls_cert_t *cert, const char *name)
{
    return cert->name == name || (cert->name != NULL && name != NULL && strcmp(cert->name, name) == 0);
}

cbx_identity_t *cbx_identity_create(const cbx_tls_cert_t *certs, size_t n, const yoml_t **at, char *why,
                                    size_t why_len)
{
    cbx_identity_t *identity = cbx_zalloc(sizeof(*identity));
    bool ok;

    identity->ctx = SSL_CTX_new(TLS_server_method());
    CBX_ASSERT(identity->ctx != NULL && SSL_CTX_set_ex_data(identity->ctx, extra_slot(), identity) == 1);
    identity->rules = &certs[0];
    ERR_clear_error();
    ok = set_rules(identity, at, why, why_len);
    for (size_t i = 0; ok && i != n; ++i)
        if (is_of(&certs[i], certs[0].name))
            ok = add_part(identity, &certs[i], at, why, why_len);
    ERR_clear_error();
    if (ok)
        return identity;
    cbx_identity_free(identity);
    return NULL;
}

void cbx_identity_free(cbx_identity_t *identity)
{
    if (identity != NULL)
        SSL_CTX_free(identity->ctx);
}

const char *cbx_identity_name(const cbx_identity_t *identity)
{
    return identity->rules->name;
}

void cbx_identity_assume(const cbx_identity_t *identity, SSL *ssl)
{
    SSL_set_SSL_CTX(ssl, identity->ctx);
    SSL_set_min_proto_version(ssl, identity->rules->min_version);
    SSL_set_max_proto_version(ssl, identity->rules->max_version);
    if (!identity->rules->client_preference)
        SSL_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
}
