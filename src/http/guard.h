/* guard.h -- who asks, and from where: the session token and the Origin of a request. The worker's thread. */
#ifndef cbx_http_guard_h
#define cbx_http_guard_h

#include <h2o.h>

#include "base/settings.h"
#include "http/parse.h"
#include "wire/token.h"

/* is it TLS that the browser speaks? To us, or to a trusted proxy */
bool cbx_guard_is_tls(h2o_req_t *req);
/* the name of the session's cookie: over TLS one that only this very host can have set, over TLS (RFC 6265bis
 * section 4.1.3.2); browsers keep none such over plain HTTP */
const char *cbx_guard_cookie_name(h2o_req_t *req);
/* does an Authorization header bring a token? Then the cookie is not looked at. */
bool cbx_guard_has_bearer(h2o_req_t *req);
bool cbx_guard_has_cookie(h2o_req_t *req);

/* the token of the header or else the cookie; CBX_ERR_UNAUTHORIZED: none, or none that is good. Whether its
 * session was logged out, the store knows. */
cbx_err_t cbx_guard_token(h2o_req_t *req, const cbx_settings_t *settings, cbx_token_t *token);

/* CBX_ERR_BAD_ORIGIN when an Origin header names a page that is neither our own nor allowed. A request that
 * comes from no page at all is fine. */
cbx_err_t cbx_guard_origin(h2o_req_t *req, const cbx_settings_t *settings);
/* the same for a request that changes something: what a browser sends by itself (the cookie) must come with
 * an Origin, or any page could change things in its reader's name (CSRF) */
cbx_err_t cbx_guard_change(h2o_req_t *req, const cbx_settings_t *settings);

#endif
