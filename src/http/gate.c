/* gate.c -- the first handler of every path: a request that somebody else could read otherwise goes no
 * further.
 *
 * H2O takes more than it should: two Hosts, two lengths, a length and a coding, folded lines, bare line
 * feeds. Where a proxy in front reads such a request in another way, a second one hides in the first (request
 * smuggling). H2O drops the headers in question before a handler runs; but over HTTP/1 the head still stands
 * at the beginning of what the socket has read, so it is read here again, and strictly. Who is refused is
 * answered with 400, and the connection ends behind that: whatever follows is nobody's request.
 *
 * The chunks of a body are gone when we are called, and H2O is lenient there, too: so the connection ends
 * behind the answer to a chunked body.
 */
#include "http/http.h"

#include <string.h>
#include <strings.h>

#include "http/parse.h"

#define HEADERS_MAX H2O_MAX_HEADERS /* over HTTP/1 H2O itself holds this; over HTTP/2 it counts nothing */

/* what a head says of where its request ends, and whom it is for */
typedef struct head {
    unsigned hosts, lengths, codings;
    bool length_is_number, is_chunked;
} head_t;

static bool is(cbx_slice_t text, const char *what)
{
    return text.len == strlen(what) && strncasecmp(text.base, what, text.len) == 0;
}

static bool has_only(cbx_slice_t text, bool (*good)(unsigned char c))
{
    for (size_t i = 0; i != text.len; ++i)
        if (!good((unsigned char)text.base[i]))
            return false;
    return true;
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* of a method, or the name of a header (RFC 9110 section 5.6.2) */
static bool is_token_char(unsigned char c)
{
    return c > 0x20 && c < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
}

/* neither a space nor a control character */
static bool is_visible(unsigned char c)
{
    return c > 0x20 && c != 0x7f;
}

/* of a host and its port, an address in brackets among them (RFC 3986 section 3.2.2) */
static bool is_host_char(unsigned char c)
{
    return is_visible(c) && strchr("\"#/<>?@\\^`{|}", c) == NULL;
}

static cbx_slice_t trim(cbx_slice_t text)
{
    while (text.len != 0 && (text.base[0] == ' ' || text.base[0] == '\t'))
        text = (cbx_slice_t){text.base + 1, text.len - 1};
    while (text.len != 0 && (text.base[text.len - 1] == ' ' || text.base[text.len - 1] == '\t'))
        --text.len;
    return text;
}

/* cuts a line off, without its CR LF; false: it ends otherwise */
static bool next_line(cbx_slice_t *rest, cbx_slice_t *line)
{
    const char *end = memchr(rest->base, '\n', rest->len);

    if (end == NULL || end == rest->base || end[-1] != '\r')
        return false;
    *line = (cbx_slice_t){rest->base, (size_t)(end - 1 - rest->base)};
    *rest = (cbx_slice_t){end + 1, (size_t)(rest->base + rest->len - end - 1)};
    return true;
}

static bool read_header(cbx_slice_t line, head_t *head)
{
    const char *colon = memchr(line.base, ':', line.len);
    cbx_slice_t name, value;

    if (colon == NULL || colon == line.base)
        return false;
    name = (cbx_slice_t){line.base, (size_t)(colon - line.base)};
    value = trim((cbx_slice_t){colon + 1, line.len - name.len - 1});
    if (is(name, "host")) {
        ++head->hosts;
    } else if (is(name, "content-length")) {
        ++head->lengths;
        head->length_is_number = value.len != 0 && has_only(value, is_digit);
    } else if (is(name, "transfer-encoding")) {
        ++head->codings;
        head->is_chunked = is(value, "chunked");
    }
    return has_only(name, is_token_char); /* a folded line begins with a space */
}

/* false: a line of it is not what it should be */
static bool read_head(cbx_slice_t rest, head_t *head)
{
    cbx_slice_t line;

    /* one empty line may stand in front (RFC 9112 section 2.2), and is no end */
    if (!next_line(&rest, &line) || (line.len == 0 && !next_line(&rest, &line)))
        return false;
    while (next_line(&rest, &line)) {
        if (line.len == 0)
            return true;
        if (!read_header(line, head))
            return false;
    }
    return false;
}

/* HTTP/1; NULL, or what is wrong with it */
static const char *judge_framing(h2o_req_t *req)
{
    const h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);
    bool is_1_0 = req->version < 0x101;
    head_t head = {0};

    if (!read_head((cbx_slice_t){sock->input->bytes, sock->input->size}, &head))
        return "a malformed line in the head";
    if (head.hosts > 1 || (head.hosts == 0 && !is_1_0))
        return "there must be one Host";
    if (head.lengths > 1 || (head.lengths == 1 && !head.length_is_number))
        return "there may be one Content-Length, a number";
    if (head.codings != 0 && (head.lengths != 0 || is_1_0 || head.codings > 1 || !head.is_chunked))
        return "Transfer-Encoding may be there once, as chunked, without a Content-Length";
    if (head.is_chunked)
        req->http1_is_persistent = 0;
    return NULL;
}

/* a path, or `*` of OPTIONS. What names the whole URL is for a proxy, and we are none. */
static bool is_target(h2o_req_t *req)
{
    cbx_slice_t path = {req->input.path.base, req->input.path.len};

    if (path.len == 0 || !has_only(path, is_visible))
        return false;
    return path.base[0] == '/' ||
           (is(path, "*") && h2o_memis(req->input.method.base, req->input.method.len, H2O_STRLIT("OPTIONS")));
}

/* H2O takes a line that begins with a space for a request without a method */
static bool is_method(h2o_req_t *req)
{
    cbx_slice_t method = {req->input.method.base, req->input.method.len};

    return method.len != 0 && has_only(method, is_token_char);
}

static const char *judge(h2o_req_t *req)
{
    cbx_slice_t host = {req->input.authority.base, req->input.authority.len};
    const char *wrong = req->version < 0x200 ? judge_framing(req) : NULL;

    if (wrong == NULL && !is_method(req))
        wrong = "a malformed method";
    if (wrong == NULL && !is_target(req))
        wrong = "the path must begin with a slash";
    if (wrong == NULL && !has_only(host, is_host_char))
        wrong = "a malformed Host";
    return wrong;
}

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    const char *wrong = judge(req);

    (void)self;
    if (wrong == NULL && req->headers.size <= HEADERS_MAX)
        return -1;
    if (wrong != NULL)
        h2o_send_error_400(req, "Bad Request", wrong, H2O_SEND_ERROR_HTTP1_CLOSE_CONNECTION);
    else
        h2o_send_error_generic(req, 431, "Request Header Fields Too Large", "too many headers",
                               H2O_SEND_ERROR_HTTP1_CLOSE_CONNECTION);
    return 0;
}

static void put_first(h2o_pathconf_t *path)
{
    h2o_handler_t *gate = h2o_create_handler(path, sizeof(*gate));

    gate->on_req = on_req;
    memmove(path->handlers.entries + 1, path->handlers.entries,
            (path->handlers.size - 1) * sizeof(path->handlers.entries[0]));
    path->handlers.entries[0] = gate;
}

void cbx_http_register_gate(h2o_hostconf_t *host)
{
    for (size_t i = 0; i != host->paths.size; ++i)
        put_first(&host->paths.entries[i]);
    put_first(&host->fallback_path);
}
