/* fuzz_http.c -- any bytes as what a client sends over HTTP/1.
 *
 * They go twice through H2O and our gate (connection.h), as they come and in small pieces. Held here: what
 * passes the gate is, in place, head and body, what a strict reader of RFC 9112 finds in the same bytes, and
 * nothing passes behind what he would not read, so no second request hides in a first; both times the same
 * passes; a foreign Origin is refused, a token is only taken where a good one stands; and a WebSocket opens
 * only for a handshake with all that RFC 6455 asks for.
 */
#include "fuzz.h"

#include <sys/ioctl.h>

#include "connection.h"
#include "http/guard.h"
#include "rfc9112.h"

enum { HTTP_MAX = 16 * 1024 };

/* the requests that a strict reader finds, and those that passed */
static struct {
    text_t bytes;
    request9112_t list[REQUESTS_MAX];
    size_t len, passed;
    uint64_t digest;
} requests;

static void read_requests(const char *bytes, size_t len)
{
    text_t rest = {bytes, len};
    size_t begins = 0;

    requests.bytes = rest;
    for (requests.len = 0; requests.len != REQUESTS_MAX && rest.len != 0;) {
        if (!next_request(&rest, &requests.list[requests.len]))
            return;
        requests.list[requests.len++].begins = begins;
        begins = (size_t)(rest.at - bytes);
    }
}

/* the request whose head the server has in front of it */
static const request9112_t *at_hand(h2o_req_t *req)
{
    const h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);
    int unread = 0;
    size_t begins;

    MUST(ioctl(h2o_socket_get_fd((h2o_socket_t *)sock), FIONREAD, &unread) == 0);
    begins = client.sent - (size_t)unread - sock->input->size;
    for (size_t i = requests.passed; i != requests.len;
         ++i) /* chunks are decoded in place: they got shorter */
        if (requests.list[i].begins == begins ||
            (requests.list[i].chunked && requests.list[i].begins < begins)) {
            requests.passed = i + 1;
            return &requests.list[i];
        }
    CBX_ASSERT(!"a request that nobody else would read here");
    return NULL;
}

static bool is_same(text_t t, h2o_iovec_t v)
{
    return t.len == v.len && (t.len == 0 || memcmp(t.at, v.base, t.len) == 0);
}

/* the two are the same, or one of them says the port that everybody has */
static bool is_same_host(text_t a, text_t b)
{
    text_t longer = a.len > b.len ? a : b, shorter = a.len > b.len ? b : a;

    return strncasecmp(longer.at, shorter.at, shorter.len) == 0 &&
           (longer.len == shorter.len ||
            (longer.len == shorter.len + 3 && memcmp(longer.at + shorter.len, ":80", 3) == 0));
}

static bool is_own_page(const request9112_t *r)
{
    text_t origin = {NULL, 0};

    if (count_fields(r, "origin", &origin) == 0 || text_is(origin, "https://app.example"))
        return true;
    return origin.len > 7 && r->host.len != 0 && strncasecmp(origin.at, "http://", 7) == 0 &&
           is_same_host((text_t){origin.at + 7, origin.len - 7}, r->host);
}

static void must_have_token(const request9112_t *r)
{
    cbx_token_t token;

    for (size_t i = 0; i != r->fields_len; ++i) {
        text_t value = r->fields[i].value;
        for (; value.len != 0; ++value.at, --value.len) {
            size_t len = value.len;
            const char *end = NULL;
            if (memcmp(value.at, "e", 1) != 0)
                continue;
            for (end = value.at; len != 0 && memchr(" \t;\"", *end, 4) == NULL; --len)
                ++end;
            if (cbx_token_verify(&server.settings, value.at, (size_t)(end - value.at), 1, &token) == CBX_OK)
                return;
        }
    }
    CBX_ASSERT(!"a token that is not there");
}

/* what passes is as it was written, and its sender is who he says */
static void on_passed(h2o_req_t *req)
{
    const request9112_t *r = at_hand(req);
    cbx_token_t token = {0};
    cbx_err_t told[3] = {cbx_guard_token(req, &server.settings, &token),
                         cbx_guard_origin(req, &server.settings), cbx_guard_change(req, &server.settings)};

    MUST(is_same(r->method, req->input.method) && is_same(r->target, req->input.path));
    MUST(r->host.at == NULL || is_same(r->host, req->input.authority));
    MUST(r->chunked || is_same(r->body, req->entity));
    MUST((req->version < 0x101) == r->is_1_0);
    if (told[0] == CBX_OK)
        must_have_token(r);
    MUST(told[1] != CBX_OK || is_own_page(r));
    MUST(told[2] == CBX_OK || told[2] == CBX_ERR_BAD_ORIGIN);
    MUST(told[2] != CBX_OK || cbx_guard_has_bearer(req) || told[1] == CBX_OK);
    requests.digest = mix(requests.digest, &r->begins, sizeof(r->begins));
    requests.digest = mix(requests.digest, req->entity.base, req->entity.len);
    requests.digest = mix(requests.digest, told, sizeof(told));
}

/* is it in a list with commas, whatever its case? */
static bool lists(text_t list, const char *item)
{
    text_t piece;

    while (cut_at(&list, ",", &piece))
        if (text_is(without_blanks(piece), item))
            return true;
    return text_is(without_blanks(list), item);
}

/* RFC 6455 section 4.2.1 */
static bool is_handshake(const request9112_t *r)
{
    text_t key = {NULL, 0}, version = {NULL, 0}, upgrade = {NULL, 0}, connection = {NULL, 0};

    return text_is(r->method, "GET") && !r->is_1_0 && r->host.at != NULL &&
           count_fields(r, "sec-websocket-key", &key) == 1 && key.len == 24 &&
           count_fields(r, "sec-websocket-version", &version) == 1 && text_is(version, "13") &&
           count_fields(r, "upgrade", &upgrade) >= 1 && lists(upgrade, "websocket") &&
           count_fields(r, "connection", &connection) >= 1 && lists(connection, "upgrade") && is_own_page(r);
}

/* a WebSocket was opened: by one of the requests that did not pass on */
static void must_be_asked_for(void)
{
    bool asked = false;

    for (size_t i = requests.passed; i != requests.len; ++i)
        asked = asked || is_handshake(&requests.list[i]);
    MUST(asked);
}

static uint64_t send_requests(unsigned seed, size_t longest)
{
    uint64_t opened = server.local.hub->count;

    requests.passed = requests.digest = 0;
    client_connect(false, false);
    client.speaks_websocket = false;
    for (size_t at = 0, n; at != requests.bytes.len; at += n) {
        n = 1 + (size_t)(mix(seed, &at, sizeof(at)) >> 20) % longest;
        n = n < requests.bytes.len - at ? n : requests.bytes.len - at;
        send_bytes(requests.bytes.at + at, n);
        turn();
    }
    client_leave();
    opened = server.local.hub->count - opened;
    MUST(opened <= 1); /* it is the connection's last request */
    if (opened == 1)
        must_be_asked_for();
    return mix(requests.digest, &opened, sizeof(opened));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len = size > 1 ? size - 1 : 0;
    uint64_t whole;

    if (len > HTTP_MAX || memmem(data, size, " /open", 6) != NULL) /* which is not for everybody */
        return 0;
    server_start();
    server.on_passed = on_passed;
    read_requests((const char *)data + 1, len);
    whole = send_requests(0, SIZE_MAX); /* all at once */
    MUST(send_requests(data[0], len <= 512 ? 16 : len / 32) == whole);
    server.on_passed = NULL;
    return 0;
}
