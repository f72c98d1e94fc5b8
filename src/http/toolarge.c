/* toolarge.c -- a body above `limit-request-body`, refused as everything else is: by a problem.
 *
 * H2O refuses it while it reads, before there is a path or a handler, with a line of text. That answer runs
 * through the filters of the host's fallback path; this one puts another body in. (Over HTTP/2 H2O resets the
 * stream, and there is no answer.)
 */
#include "http/http.h"

static const char body[] =
    "{\"status\":413,\"title\":\"Content Too Large\",\"detail\":\"The body is too large\","
    "\"code\":\"too_large\"}";

/* what comes is one piece, with the text that is replaced; nothing for HEAD */
static void on_send(h2o_ostream_t *self, h2o_req_t *req, h2o_iovec_t *bufs, size_t len,
                    h2o_send_state_t state)
{
    h2o_iovec_t problem = h2o_iovec_init(body, sizeof(body) - 1);

    (void)bufs;
    h2o_ostream_send_next(self, req, &problem, len != 0, state);
}

static void on_setup_ostream(h2o_filter_t *self, h2o_req_t *req, h2o_ostream_t **slot)
{
    (void)self;
    if (req->res.status == 413) {
        h2o_ostream_t *stream = h2o_add_ostream(req, sizeof(*stream), slot);
        stream->do_send = on_send;
        slot = &stream->next;
        req->res.content_length = sizeof(body) - 1;
        h2o_set_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE,
                       H2O_STRLIT("application/problem+json"), 1);
    }
    h2o_setup_next_ostream(req, slot);
}

void cbx_http_register_too_large(h2o_hostconf_t *host)
{
    h2o_create_filter(&host->fallback_path, sizeof(h2o_filter_t))->on_setup_ostream = on_setup_ostream;
}
