/* api.c -- the switchboard of /api: which path and method is whose, and what must hold before a handler runs.
 *
 *     path known? -> method? -> Origin? -> token? -> handler -> an answer, or a refusal, or work under way
 *
 * Every refusal of a handler meets at one line here. On the worker's thread; nothing here waits.
 */
#include "http/http.h"

#include <string.h>

#include "http/call.h"
#include "http/guard.h"

static const struct route {
    const char *method, *pattern;
    bool needs_token;
    cbx_err_t (*run)(cbx_call_t *call);
} routes[] = {
    {"POST", "/api/register", false, cbx_call_register},
    {"POST", "/api/login", false, cbx_call_login},
    {"POST", "/api/logout", true, cbx_call_logout},
    {"GET", "/api/me", true, cbx_call_me},
    {"PATCH", "/api/me", true, cbx_call_profile},
    {"GET", "/api/rooms", true, cbx_call_rooms},
    {"POST", "/api/rooms", true, cbx_call_create},
    {"PATCH", "/api/rooms/{room}", true, cbx_call_edit_room},
    {"POST", "/api/direct", true, cbx_call_direct},
    {"GET", "/api/rooms/{room}/members", true, cbx_call_members},
    {"POST", "/api/rooms/{room}/members", true, cbx_call_join},
    {"DELETE", "/api/rooms/{room}/members/{username}", true, cbx_call_leave},
    {"GET", "/api/rooms/{room}/messages", true, cbx_call_history},
    {"POST", "/api/rooms/{room}/messages", true, cbx_call_post},
};
enum { ROUTES = sizeof(routes) / sizeof(routes[0]) };

/* HEAD is GET without the body */
static bool has_method(const struct route *route, h2o_req_t *req)
{
    if (strcmp(route->method, "GET") == 0)
        return cbx_method_reads(req);
    return h2o_memis(req->method.base, req->method.len, route->method, strlen(route->method));
}

static void refuse_method(h2o_req_t *req, cbx_slice_t path)
{
    char allow[64] = "";
    cbx_path_args_t args;

    for (const struct route *route = routes; route != routes + ROUTES; ++route) {
        if (!cbx_path_matches(route->pattern, path, &args))
            continue;
        if (allow[0] != '\0')
            strcat(allow, ", ");
        strcat(allow, strcmp(route->method, "GET") == 0 ? "GET, HEAD" : route->method);
    }
    if (allow[0] != '\0')
        cbx_reply_not_allowed(req, allow);
    else
        cbx_reply_error(req, CBX_ERR_NOT_FOUND, "There is no such path", 0);
}

static cbx_slice_t query_of(h2o_req_t *req)
{
    if (req->query_at == SIZE_MAX)
        return (cbx_slice_t){"", 0};
    return (cbx_slice_t){req->path.base + req->query_at + 1, req->path.len - req->query_at - 1};
}

static void run(const struct route *route, h2o_req_t *req, const cbx_path_args_t *args)
{
    cbx_call_t call = {.req = req,
                       .local = cbx_local_of(req),
                       .room = args->room,
                       .username = args->username,
                       .query = query_of(req)};
    cbx_err_t err = CBX_OK;

    if (!cbx_method_reads(req))
        err = cbx_guard_change(req, call.local->settings);
    call.known = cbx_guard_token(req, call.local->settings, &call.token) == CBX_OK;
    if (err == CBX_OK && route->needs_token && !call.known)
        err = CBX_ERR_UNAUTHORIZED;
    if (err == CBX_OK)
        err = route->run(&call);
    if (err != CBX_OK) {
        cbx_call_forget_body(req);
        cbx_reply_error(req, err, call.detail, call.retry_after);
    }
}

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    cbx_slice_t path = {req->path_normalized.base, req->path_normalized.len};
    cbx_path_args_t args = {0};

    (void)self;
    for (const struct route *route = routes; route != routes + ROUTES; ++route) {
        if (has_method(route, req) && cbx_path_matches(route->pattern, path, &args)) {
            run(route, req, &args);
            return 0;
        }
    }
    cbx_call_forget_body(req);
    refuse_method(req, path);
    return 0;
}

void cbx_http_register_api(h2o_pathconf_t *path)
{
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_req;
}
