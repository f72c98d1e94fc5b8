/* ocsp.c -- reads and judges an OCSP response.
 *
 * Main thread, at the start and when the file has changed. What is stapled wrongly makes clients go away,
 * what is not stapled costs them a question to the authority: so what is in doubt is not stapled. Who fetches
 * the file (`openssl ocsp -respout`, certbot's hook) is not our business.
 */
#include "server/ocsp.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <stdio.h>
#include <string.h>

#define SKEW_S 300 /* clocks differ */

static X509 *find_issuer(X509 *cert, STACK_OF(X509) * chain)
{
    for (int i = 0; i < sk_X509_num(chain); ++i)
        if (X509_check_issued(sk_X509_value(chain, i), cert) == X509_V_OK)
            return sk_X509_value(chain, i);
    return NULL;
}

/* by the issuer, or by one whom it let sign */
static bool is_signed_by(OCSP_BASICRESP *basic, STACK_OF(X509) * chain, X509 *issuer)
{
    X509_STORE *store = X509_STORE_new();
    bool ok = store != NULL && X509_STORE_add_cert(store, issuer) == 1 &&
              X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
              OCSP_basic_verify(basic, chain, store, 0) == 1;

    X509_STORE_free(store);
    return ok;
}

/* NULL: it may be stapled until `*until` */
static const char *judge(OCSP_BASICRESP *basic, X509 *cert, STACK_OF(X509) * chain, time_t *until)
{
    X509 *issuer = find_issuer(cert, chain);
    OCSP_CERTID *id = issuer != NULL ? OCSP_cert_to_id(EVP_sha1(), cert, issuer) : NULL;
    ASN1_GENERALIZEDTIME *from = NULL, *next = NULL;
    int status = -1, reason;
    bool found = id != NULL && OCSP_resp_find_status(basic, id, &status, &reason, NULL, &from, &next) == 1;
    struct tm end;

    OCSP_CERTID_free(id);
    if (issuer == NULL)
        return "the certificate's issuer is not in the certificate-file";
    if (!found)
        return "it is about another certificate";
    if (status != V_OCSP_CERTSTATUS_GOOD)
        return "it does not say that the certificate is good";
    if (next == NULL || ASN1_TIME_to_tm(next, &end) != 1)
        return "it does not say until when it is good";
    if (OCSP_check_validity(from, next, SKEW_S, -1) != 1)
        return "it has expired, or is of the future";
    if (!is_signed_by(basic, chain, issuer))
        return "it is not signed by the certificate's issuer";
    *until = timegm(&end);
    return NULL;
}

static const char *judge_response(OCSP_RESPONSE *response, X509 *cert, STACK_OF(X509) * chain, time_t *until)
{
    OCSP_BASICRESP *basic;
    const char *wrong;

    if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL)
        return "the authority refused to answer";
    if ((basic = OCSP_response_get1_basic(response)) == NULL)
        return "it has no answer that we know";
    wrong = judge(basic, cert, chain, until);
    OCSP_BASICRESP_free(basic);
    return wrong;
}

bool cbx_ocsp_read(cbx_ocsp_t *ocsp, const char *path, X509 *cert, STACK_OF(X509) * chain, char *why,
                   size_t why_len)
{
    FILE *in = fopen(path, "rbe");
    OCSP_RESPONSE *response = in != NULL ? ASN1_item_d2i_fp(ASN1_ITEM_rptr(OCSP_RESPONSE), in, NULL) : NULL;
    const char *wrong = in == NULL ? strerror(errno) : "it is no OCSP response in DER";
    int len;

    *ocsp = (cbx_ocsp_t){NULL, 0, 0};
    if (response != NULL && (wrong = judge_response(response, cert, chain, &ocsp->until)) == NULL &&
        (len = i2d_OCSP_RESPONSE(response, &ocsp->der)) > 0)
        ocsp->len = (size_t)len;
    OCSP_RESPONSE_free(response);
    if (in != NULL)
        fclose(in);
    ERR_clear_error();
    if (wrong != NULL)
        snprintf(why, why_len, "%s", wrong);
    return wrong == NULL;
}

void cbx_ocsp_dispose(cbx_ocsp_t *ocsp)
{
    OPENSSL_free(ocsp->der);
    *ocsp = (cbx_ocsp_t){NULL, 0, 0};
}
