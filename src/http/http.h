/* http.h -- the doors of HTTP: handlers that a configuration hangs on its paths. */
#ifndef cbx_http_http_h
#define cbx_http_http_h

#include "live/local.h"

/* each registers its handler at `path`; they find everything else by cbx_local_of(req) */
void cbx_http_register_api(h2o_pathconf_t *path);       /* /api */
void cbx_http_register_websocket(h2o_pathconf_t *path); /* /ws */
void cbx_http_register_health(h2o_pathconf_t *path);    /* /healthz */
void cbx_http_register_ready(h2o_pathconf_t *path);     /* /readyz */
void cbx_http_register_metrics(h2o_pathconf_t *path);   /* /metrics */

/* what is malformed or ambiguous is refused, whatever the path; once for each host, when it has all its paths
 */
void cbx_http_register_gate(h2o_hostconf_t *host);
/* bodies above `limit-request-body` are refused by a problem; once for each host */
void cbx_http_register_too_large(h2o_hostconf_t *host);

#endif
