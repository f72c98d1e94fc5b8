/* ocsp.h -- a file with the certificate authority's word that a certificate is good, for stapling. */
#ifndef cbx_server_ocsp_h
#define cbx_server_ocsp_h

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

typedef struct cbx_ocsp {
    unsigned char *der; /* what is stapled; NULL: nothing */
    size_t len;
    time_t until; /* and not from then on */
} cbx_ocsp_t;

/* reads the response (DER) in the file `path`, into `ocsp`. It must be about `cert`, good, of now, and signed
 * by its issuer, who is in `chain`, or by whom the issuer names. On failure returns false, with nothing to
 * staple and one line of why. */
bool cbx_ocsp_read(cbx_ocsp_t *ocsp, const char *path, X509 *cert, STACK_OF(X509) * chain, char *why,
                   size_t why_len);
/* frees what it holds */
void cbx_ocsp_dispose(cbx_ocsp_t *ocsp);

#endif
