/* guard.c -- who asks, and from where. Reads headers and says yes or no; the answer is the caller's to send.
 */
#include "http/guard.h"

#include "base/clock.h"
#include "http/client.h"
#include "live/local.h"

static cbx_slice_t value_at(const h2o_headers_t *headers, ssize_t i)
{
    return (cbx_slice_t){headers->entries[i].value.base, headers->entries[i].value.len};
}

bool cbx_guard_is_tls(h2o_req_t *req)
{
    return cbx_client_is_tls(req, cbx_local_of(req)->settings);
}

const char *cbx_guard_cookie_name(h2o_req_t *req)
{
    return cbx_guard_is_tls(req) ? "__Host-chatterbox_token" : "chatterbox_token";
}

static cbx_slice_t bearer(h2o_req_t *req)
{
    ssize_t i = h2o_find_header(&req->headers, H2O_TOKEN_AUTHORIZATION, -1);

    return i == -1 ? (cbx_slice_t){NULL, 0} : cbx_bearer_find(value_at(&req->headers, i));
}

/* HTTP/2 may cut a Cookie header into many (RFC 9113 section 8.2.3) */
static cbx_slice_t cookie(h2o_req_t *req)
{
    cbx_slice_t found = {NULL, 0};
    ssize_t i = -1;

    while (found.base == NULL && (i = h2o_find_header(&req->headers, H2O_TOKEN_COOKIE, i)) != -1)
        found = cbx_cookie_find(value_at(&req->headers, i), cbx_guard_cookie_name(req));
    return found;
}

bool cbx_guard_has_bearer(h2o_req_t *req)
{
    return bearer(req).base != NULL;
}

bool cbx_guard_has_cookie(h2o_req_t *req)
{
    return cookie(req).base != NULL;
}

cbx_err_t cbx_guard_token(h2o_req_t *req, const cbx_settings_t *settings, cbx_token_t *token)
{
    cbx_slice_t text = bearer(req);

    if (text.base == NULL)
        text = cookie(req);
    if (text.base == NULL)
        return CBX_ERR_UNAUTHORIZED;
    return cbx_token_verify(settings, text.base, text.len, cbx_clock_wall() / 1000, token);
}

/* `*seen`: there is an Origin header at all */
static cbx_err_t check_origin(h2o_req_t *req, const cbx_settings_t *settings, bool *seen)
{
    cbx_slice_t host = {req->input.authority.base, req->input.authority.len};
    bool tls = cbx_guard_is_tls(req);
    ssize_t i = -1;

    *seen = false;
    while ((i = h2o_find_header_by_str(&req->headers, H2O_STRLIT("origin"), i)) != -1) {
        cbx_slice_t origin = value_at(&req->headers, i);
        if (!cbx_origin_is_own(origin, tls, host) &&
            !cbx_origin_is_allowed(origin, settings->allowed_origins))
            return CBX_ERR_BAD_ORIGIN;
        *seen = true;
    }
    return CBX_OK;
}

cbx_err_t cbx_guard_origin(h2o_req_t *req, const cbx_settings_t *settings)
{
    bool seen;

    return check_origin(req, settings, &seen);
}

cbx_err_t cbx_guard_change(h2o_req_t *req, const cbx_settings_t *settings)
{
    bool seen;
    cbx_err_t err;

    if (cbx_guard_has_bearer(req))
        return CBX_OK; /* no page can make a browser send that against its user's will */
    err = check_origin(req, settings, &seen);
    if (err == CBX_OK && !seen && cbx_guard_has_cookie(req))
        err = CBX_ERR_BAD_ORIGIN;
    return err;
}
