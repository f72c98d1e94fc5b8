/* client.h -- from where a request comes. The worker's thread. */
#ifndef cbx_http_client_h
#define cbx_http_client_h

#include <h2o.h>

#include "base/address.h"
#include "base/settings.h"
#include "http/parse.h"

/* the address of who asks: the other end of the connection (as the PROXY protocol has it, where that is
 * spoken), or whom a trusted proxy there names */
cbx_address_t cbx_client_address(h2o_req_t *req, const cbx_settings_t *settings);

/* did it come by TLS, to us or to a trusted proxy? */
bool cbx_client_is_tls(h2o_req_t *req, const cbx_settings_t *settings);

/* the address, of what was read: `lists` are the X-Forwarded-For headers, the first first. Pure. */
cbx_address_t cbx_client_choose(const cbx_settings_t *settings, cbx_address_t peer, const cbx_slice_t *lists,
                                size_t len);

/* from here on the access logs of the host show that address, too (%h); when it has all its paths and logs */
void cbx_client_register(h2o_hostconf_t *host, const cbx_settings_t *settings);

#endif
