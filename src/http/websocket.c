/* websocket.c -- GET /ws: from a request to a session.
 *
 *     a handshake? -> Origin -> key -> going away? -> token, if there is one -> the hub
 *
 * H2O's own check is not used: it passes a key of the wrong length on to the next handler, and asks neither
 * for the version nor the Origin. What is no handshake gets 426, which says what would have been right; a
 * broken one gets 400 (RFC 6455 section 4.2). Only HTTP/1.1 can do it: this H2O does not have RFC 8441.
 */
#include "http/http.h"

#include "http/extension.h"
#include "http/guard.h"
#include "http/reply.h"
#include "http/watch.h"
#include "live/hub.h"
#include "wire/deflate.h"

#define SUBPROTOCOL "chatterbox.v1"

static cbx_slice_t header(h2o_req_t *req, const char *name, ssize_t *cursor)
{
    *cursor = h2o_find_header_by_str(&req->headers, name, strlen(name), *cursor);
    if (*cursor == -1)
        return (cbx_slice_t){NULL, 0};
    return (cbx_slice_t){req->headers.entries[*cursor].value.base, req->headers.entries[*cursor].value.len};
}

/* H2O sets `upgrade` where the Connection header names it too */
static bool asks_for_upgrade(h2o_req_t *req)
{
    return req->version == 0x101 && req->upgrade.base != NULL &&
           h2o_contains_token(req->upgrade.base, req->upgrade.len, H2O_STRLIT("websocket"), ',');
}

static bool speaks_version_13(h2o_req_t *req)
{
    ssize_t cursor = -1;
    cbx_slice_t version = header(req, "sec-websocket-version", &cursor);

    return version.base != NULL && h2o_memis(version.base, version.len, H2O_STRLIT("13")) &&
           header(req, "sec-websocket-version", &cursor).base == NULL;
}

/* where the client names no host, H2O puts its own name there */
static bool names_host(h2o_req_t *req)
{
    return req->input.authority.base != req->hostconf->authority.hostport.base;
}

/* the one key there is, or NULL */
static const char *find_key(h2o_req_t *req)
{
    ssize_t cursor = -1;
    cbx_slice_t key = header(req, "sec-websocket-key", &cursor);

    if (key.base == NULL || !cbx_websocket_key_valid(key))
        return NULL;
    return header(req, "sec-websocket-key", &cursor).base == NULL ? key.base : NULL;
}

static bool offers_subprotocol(h2o_req_t *req)
{
    cbx_slice_t offer;
    ssize_t cursor = -1;

    while ((offer = header(req, "sec-websocket-protocol", &cursor)).base != NULL)
        if (cbx_list_has(offer, SUBPROTOCOL))
            return true;
    return false;
}

/* NULL: no offer can be taken */
static const char *answer_deflate(h2o_req_t *req)
{
    const char *answer = NULL;
    cbx_slice_t offer;
    ssize_t cursor = -1;

    while (answer == NULL && (offer = header(req, "sec-websocket-extensions", &cursor)).base != NULL)
        answer = cbx_deflate_answer(offer);
    return answer;
}

static void refuse_plain(h2o_req_t *req, const char *detail)
{
    if (req->version < 0x200) /* HTTP/2 has no such header (RFC 9113 section 8.2.2) */
        cbx_reply_header(req, "upgrade", "websocket");
    cbx_reply_problem(req, 426, CBX_ERR_BAD_FRAME, detail);
}

static void upgrade(h2o_req_t *req, const char *key)
{
    cbx_local_t *local = cbx_local_of(req);
    cbx_token_t token;
    bool known = cbx_guard_token(req, local->settings, &token) == CBX_OK;
    const char *deflate = local->settings->compress ? answer_deflate(req) : NULL;

    if (offers_subprotocol(req))
        cbx_reply_header(req, "sec-websocket-protocol", SUBPROTOCOL);
    if (deflate != NULL)
        cbx_reply_header(req, "sec-websocket-extensions", deflate);
    cbx_watch_upgraded(req->conn->callbacks->get_socket(req->conn));
    cbx_hub_upgrade(local->hub, req, key, known ? &token : NULL, deflate != NULL);
}

/* what is a handshake, at last */
static void shake_hands(h2o_req_t *req)
{
    cbx_local_t *local = cbx_local_of(req);
    cbx_err_t err = cbx_guard_origin(req, local->settings);
    const char *key = find_key(req);

    if (err == CBX_OK && (key == NULL || !names_host(req)))
        err = CBX_ERR_BAD_FRAME;
    if (err == CBX_OK && cbx_core_draining(local->core))
        err = CBX_ERR_DRAINING;
    if (err == CBX_OK)
        upgrade(req, key);
    else
        cbx_reply_error(req, err,
                        err != CBX_ERR_BAD_FRAME ? NULL
                        : key == NULL            ? "Sec-WebSocket-Key is not 16 bytes in base64"
                                                 : "Host is missing",
                        0);
}

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    (void)self;
    if (!cbx_path_is_exact(req))
        return -1;
    if (!h2o_memis(req->method.base, req->method.len, H2O_STRLIT("GET"))) {
        cbx_reply_not_allowed(req, "GET");
    } else if (!asks_for_upgrade(req)) {
        refuse_plain(req, "This is the door for WebSocket, over HTTP/1.1");
    } else if (!speaks_version_13(req)) {
        cbx_reply_header(req, "sec-websocket-version", "13");
        refuse_plain(req, "The version of WebSocket here is 13");
    } else {
        shake_hands(req);
    }
    return 0;
}

void cbx_http_register_websocket(h2o_pathconf_t *path)
{
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_req;
}
