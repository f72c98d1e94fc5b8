/* identity.h -- who we are to those who ask for one name: certificates, their keys and OCSP responses. */
#ifndef cbx_server_identity_h
#define cbx_server_identity_h

#include "server/tls.h"

typedef struct cbx_identity cbx_identity_t;

/* gives the identity of the name of `certs[0]`, from all of the `n` that have it; on failure NULL, as
 * cbx_tls_create; main thread */
cbx_identity_t *cbx_identity_create(const cbx_tls_cert_t *certs, size_t n, const yoml_t **at, char *why,
                                    size_t why_len);
/* takes one reference; connections hold theirs by the context */
void cbx_identity_free(cbx_identity_t *identity);

/* the name that it is for, or NULL */
const char *cbx_identity_name(const cbx_identity_t *identity);
/* makes it the one that `ssl` shakes hands as; in its ClientHello callback; any thread that keeps `identity`
 */
void cbx_identity_assume(const cbx_identity_t *identity, SSL *ssl);
/* see cbx_tls_is_stale */
bool cbx_identity_is_stale(cbx_identity_t *identity);

#endif
