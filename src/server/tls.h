/* tls.h -- what `ssl` mappings say, made into what H2O shakes hands with; the only door to SSL_CTX. */
#ifndef cbx_server_tls_h
#define cbx_server_tls_h

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "yoml.h"

/* what an `ssl` mapping says; the nodes are lent by the configuration's tree */
typedef struct cbx_tls_cert {
    yoml_t *certificate_file, *key_file;
    yoml_t *cipher_suite, *ocsp_file; /* or NULL */
    int min_version, max_version;     /* TLS1_2_VERSION, TLS1_3_VERSION */
    bool client_preference;           /* the client's order of ciphers, not ours */
    char *name; /* the host that it is for, without a port; `*.example.org` and `*` too. NULL: all */
} cbx_tls_cert_t;

/* the certificates of one address */
typedef struct cbx_tls cbx_tls_t;

/* Reads the files. Those of one name are offered together, and must have keys of different kinds; the first's
 * name is also for clients that want none of the names. `certs` is lent for as long. On failure returns
 * NULL, with the node to blame in `*at` and one line of why in `why`. Main thread, as all here. */
cbx_tls_t *cbx_tls_create(const cbx_tls_cert_t *certs, size_t n, const yoml_t **at, char *why,
                          size_t why_len);
/* reads the files again. Connections keep what they have, handshakes to come get the new; on failure, as
 * above, these get the old. */
bool cbx_tls_reload(cbx_tls_t *tls, const yoml_t **at, char *why, size_t why_len);
/* is an OCSP file another than the one that was read? Logs when one has expired. */
bool cbx_tls_is_stale(cbx_tls_t *tls);
/* the context for H2O, the same for the whole life of `tls` */
SSL_CTX *cbx_tls_context(cbx_tls_t *tls);
/* nobody may be in a handshake any more; harmless for NULL */
void cbx_tls_free(cbx_tls_t *tls);

#endif
