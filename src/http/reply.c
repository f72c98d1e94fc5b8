/* reply.c -- answers. The one place that knows what an answer of ours looks like. Over HTTP/2 H2O does not
 * drop the body of a HEAD: so it is not given one.
 */
#include "http/reply.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/stats.h"
#include "http/guard.h"
#include "http/watch.h"

static const struct reason {
    int status;
    const char *text;
} reasons[] = {
    {200, "OK"},
    {201, "Created"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {500, "Internal Server Error"},
    {503, "Service Unavailable"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i != sizeof(reasons) / sizeof(reasons[0]); ++i)
        if (reasons[i].status == status)
            return reasons[i].text;
    CBX_ASSERT(!"a status without a reason");
    return NULL;
}

bool cbx_method_reads(h2o_req_t *req)
{
    return h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET")) ||
           h2o_memis(req->method.base, req->method.len, H2O_STRLIT("HEAD"));
}

bool cbx_path_is_exact(h2o_req_t *req)
{
    return req->path_normalized.len == req->pathconf->path.len;
}

void cbx_reply_header(h2o_req_t *req, const char *name, const char *value)
{
    h2o_iovec_t copy = h2o_strdup(&req->pool, value, SIZE_MAX);

    h2o_add_header_by_str(&req->pool, &req->res.headers, name, strlen(name), 1, NULL, copy.base, copy.len);
}

void cbx_reply_frame(h2o_req_t *req, int status, const char *type, cbx_frame_t *frame)
{
    static h2o_generator_t all_at_once;
    h2o_iovec_t body = {(char *)frame->bytes, frame->len};
    bool is_head = h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("HEAD"));

    req->res.status = status;
    req->res.reason = reason_of(status);
    req->res.content_length = frame->len;
    cbx_reply_header(req, "content-type", type);
    cbx_reply_header(req, "cache-control", "no-store");
    cbx_watch_answer(req, frame);
    h2o_start_response(req, &all_at_once);
    h2o_send(req, &body, is_head ? 0 : 1, H2O_SEND_STATE_FINAL);
}

void cbx_reply_bytes(h2o_req_t *req, int status, const char *type, const char *bytes, size_t len)
{
    cbx_frame_t *frame = cbx_frame_copy(bytes, len);

    cbx_reply_frame(req, status, type, frame);
    cbx_frame_unref(frame);
}

static void send_json(h2o_req_t *req, int status, const char *type, cbx_json_t *json)
{
    size_t len;
    const char *bytes = cbx_json_bytes(json, &len);

    cbx_reply_bytes(req, status, type, bytes, len);
}

void cbx_reply_json(h2o_req_t *req, int status, cbx_json_t *json)
{
    send_json(req, status, CBX_TYPE_JSON, json);
}

void cbx_reply_nothing(h2o_req_t *req)
{
    req->res.status = 204;
    req->res.reason = reason_of(204);
    cbx_reply_header(req, "cache-control", "no-store");
    h2o_send_inline(req, "", 0);
}

/* the type is about:blank, by being left out: so the title is that of the status (RFC 9457 section 4.2.1) */
void cbx_reply_problem(h2o_req_t *req, int status, cbx_err_t err, const char *detail)
{
    cbx_json_t *json = cbx_json_create();

    CBX_COUNT(errors_out, 1);
    cbx_json_open(json);
    cbx_json_put_int(json, "status", status);
    cbx_json_put_text(json, "title", reason_of(status));
    cbx_json_put_text(json, "detail", detail != NULL ? detail : cbx_err_title(err));
    cbx_json_put_text(json, "code", cbx_err_code(err));
    cbx_json_close(json);
    send_json(req, status, "application/problem+json", json);
    cbx_json_free(json);
}

static void add_retry_after(h2o_req_t *req, double seconds)
{
    char text[24];

    snprintf(text, sizeof(text), "%.0f", ceil(seconds));
    cbx_reply_header(req, "retry-after", text);
}

void cbx_reply_error(h2o_req_t *req, cbx_err_t err, const char *detail, double retry_after)
{
    int status = cbx_err_status(err);

    if (retry_after <= 0 && (status == 429 || status == 503))
        retry_after = 1;
    if (retry_after > 0)
        add_retry_after(req, retry_after);
    if (status == 401)
        cbx_reply_header(req, "www-authenticate", "Bearer");
    if (err == CBX_ERR_UNAUTHORIZED && cbx_guard_has_cookie(req))
        cbx_reply_clear_cookie(req);
    cbx_reply_problem(req, status, err, detail);
}

void cbx_reply_not_allowed(h2o_req_t *req, const char *allow)
{
    cbx_reply_header(req, "allow", allow);
    cbx_reply_problem(req, 405, CBX_ERR_NOT_FOUND, "The path is known, the method is not");
}

void cbx_reply_cookie(h2o_req_t *req, const char *token, int64_t max_age)
{
    const char *secure = cbx_guard_is_tls(req) ? "; Secure" : "";
    size_t size = strlen(token) + 180;
    char *text = h2o_mem_alloc_pool(&req->pool, size);

    snprintf(text, size, "%s=%s; Path=/; Max-Age=%" PRId64 "; HttpOnly; SameSite=Strict%s",
             cbx_guard_cookie_name(req), token, max_age, secure);
    cbx_reply_header(req, "set-cookie", text);
}

void cbx_reply_clear_cookie(h2o_req_t *req)
{
    cbx_reply_cookie(req, "", 0);
}
