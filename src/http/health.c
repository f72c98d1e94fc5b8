/* health.c -- for whoever watches over the process: is it alive, and should it get new clients? */
#include "base/memory.h"
#include "http/http.h"
#include "http/reply.h"

static void reply_ok(h2o_req_t *req)
{
    static const char body[] = "{\"status\":\"ok\"}";

    cbx_reply_bytes(req, 200, CBX_TYPE_JSON, body, sizeof(body) - 1);
}

/* GET /healthz: who answers is alive */
static int on_health(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    if (!cbx_path_is_exact(req))
        return -1;
    if (!cbx_method_reads(req))
        cbx_reply_not_allowed(req, "GET, HEAD");
    else
        reply_ok(req);
    return 0;
}

/* GET /readyz: neither going away, nor unable to write, nor short of memory. While starting nobody listens
 * yet. */
static int on_ready(h2o_handler_t *self, h2o_req_t *req)
{
    const cbx_core_t *core = cbx_local_of(req)->core;

    (void)self;
    if (!cbx_path_is_exact(req))
        return -1;
    if (!cbx_method_reads(req))
        cbx_reply_not_allowed(req, "GET, HEAD");
    else if (cbx_core_draining(core))
        cbx_reply_error(req, CBX_ERR_DRAINING, NULL, 0);
    else if (!cbx_core_storage_ok(core))
        cbx_reply_error(req, CBX_ERR_STORAGE_UNAVAILABLE, NULL, 0);
    else if (cbx_memory_is_short())
        cbx_reply_error(req, CBX_ERR_OVERLOADED, NULL, 0);
    else
        reply_ok(req);
    return 0;
}

void cbx_http_register_health(h2o_pathconf_t *path)
{
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_health;
}

void cbx_http_register_ready(h2o_pathconf_t *path)
{
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_ready;
}
