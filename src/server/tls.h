/* tls.h -- certificates to SSL contexts; the only door to SSL_CTX. */
#ifndef cbx_server_tls_h
#define cbx_server_tls_h

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "yoml.h"

/* what an `ssl` mapping says; the nodes are lent by the configuration's tree */
typedef struct cbx_tls_cert {
    yoml_t *certificate_file, *key_file, *cipher_suite; /* cipher_suite NULL: the default */
    int min_version, max_version;                       /* TLS1_2_VERSION, TLS1_3_VERSION */
    bool client_preference;                             /* the client's order of ciphers, not ours */
    char **names; /* hosts that it is for, without ports; `*.example.org` and `*` too */
    size_t names_len;
} cbx_tls_cert_t;

/* gives the context of the first certificate, which picks one of the others by the name that a client asks
 * for (SNI). It holds all it needs, and goes when the last connection and the last reference (SSL_CTX_free)
 * have gone. On failure returns NULL, with the node to blame in `*at` and one line of why in `why`. Main
 * thread. */
SSL_CTX *cbx_tls_create(const cbx_tls_cert_t *certs, size_t n, const yoml_t **at, char *why, size_t why_len);

#endif
