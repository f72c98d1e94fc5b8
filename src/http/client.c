/* client.c -- whom to believe about where a request comes from, and how.
 *
 * Each proxy puts the address of its peer behind what X-Forwarded-For says already; so the right end of it is
 * ours to trust and the left end anybody's to write. It is read from the right for as long as those named are
 * trusted proxies, and whoever is not, is the client. What is no address (where we read) makes all of it
 * worthless, and the proxy itself counts as the client.
 *
 * Whether we are behind TLS is asked of the socket, and of such a proxy (X-Forwarded-Proto, which it sets and
 * does not add to), but not of the request: over HTTP/2 the client writes the scheme.
 *
 * H2O's logs ask a connection for its peer, and one connection of a proxy brings requests of many. So while
 * the logs of a request are written, its connection answers with the client's address: a logger in front of
 * all others sees to that, and one behind them undoes it.
 */
#include "http/client.h"

#include <string.h>

#include "live/local.h"

static bool is_trusted(const cbx_settings_t *settings, const cbx_address_t *address)
{
    for (size_t i = 0; i != settings->trusted_proxies_len; ++i)
        if (cbx_network_has(&settings->trusted_proxies[i], address))
            return true;
    return false;
}

/* cuts the last item off, without the spaces around it; false: there is none */
static bool last_item(cbx_slice_t *list, bool *more, cbx_slice_t *item)
{
    size_t from = list->len;

    if (!*more)
        return false;
    while (from != 0 && list->base[from - 1] != ',')
        --from;
    *item = (cbx_slice_t){list->base + from, list->len - from};
    *more = from != 0;
    list->len = from != 0 ? from - 1 : 0;
    while (item->len != 0 && (item->base[0] == ' ' || item->base[0] == '\t'))
        *item = (cbx_slice_t){item->base + 1, item->len - 1};
    while (item->len != 0 && (item->base[item->len - 1] == ' ' || item->base[item->len - 1] == '\t'))
        --item->len;
    return true;
}

cbx_address_t cbx_client_choose(const cbx_settings_t *settings, cbx_address_t peer, const cbx_slice_t *lists,
                                size_t len)
{
    cbx_address_t client = peer;

    while (len-- != 0) {
        cbx_slice_t list = lists[len], item;
        for (bool more = true; is_trusted(settings, &client) && last_item(&list, &more, &item);)
            if (!cbx_address_parse(item.base, item.len, &client))
                return peer;
    }
    return client;
}

/* is the other end of the connection a trusted proxy? */
static bool is_from_proxy(h2o_req_t *req, const cbx_settings_t *settings, cbx_address_t *peer)
{
    struct sockaddr_storage storage = {.ss_family = AF_UNSPEC};

    req->conn->callbacks->get_peername(req->conn, (struct sockaddr *)&storage);
    *peer = cbx_address_of((struct sockaddr *)&storage);
    return storage.ss_family != AF_UNSPEC && /* else he is gone already, and no unix socket */
           is_trusted(settings, peer);
}

cbx_address_t cbx_client_address(h2o_req_t *req, const cbx_settings_t *settings)
{
    cbx_slice_t lists[H2O_MAX_HEADERS]; /* the gate lets no more in */
    size_t len = 0;
    cbx_address_t peer;

    if (!is_from_proxy(req, settings, &peer))
        return peer;
    for (size_t i = 0; i != req->headers.size && len != H2O_MAX_HEADERS; ++i) {
        const h2o_header_t *header = &req->headers.entries[i];
        if (header->name == &H2O_TOKEN_X_FORWARDED_FOR->buf)
            lists[len++] = (cbx_slice_t){header->value.base, header->value.len};
    }
    return cbx_client_choose(settings, peer, lists, len);
}

bool cbx_client_is_tls(h2o_req_t *req, const cbx_settings_t *settings)
{
    const h2o_socket_t *sock = req->conn->callbacks->get_socket(req->conn);
    ssize_t i = h2o_find_header_by_str(&req->headers, H2O_STRLIT("x-forwarded-proto"), -1);
    cbx_address_t peer;

    if (sock != NULL && sock->ssl != NULL)
        return true;
    return i != -1 && h2o_find_header_by_str(&req->headers, H2O_STRLIT("x-forwarded-proto"), i) == -1 &&
           h2o_lcstris(req->headers.entries[i].value.base, req->headers.entries[i].value.len,
                       H2O_STRLIT("https")) &&
           is_from_proxy(req, settings, &peer);
}

/* -- logs -- */

/* stands in for what a connection answers with */
struct stand_in {
    h2o_conn_callbacks_t callbacks; /* first */
    const h2o_conn_callbacks_t *own;
    cbx_address_t client;
};

static socklen_t get_client(h2o_conn_t *conn, struct sockaddr *sa)
{
    return cbx_address_to(&((const struct stand_in *)conn->callbacks)->client, sa);
}

static void before_logs(h2o_logger_t *self, h2o_req_t *req)
{
    struct stand_in *stand_in = h2o_mem_alloc_pool(&req->pool, sizeof(*stand_in));

    (void)self;
    *stand_in = (struct stand_in){*req->conn->callbacks, req->conn->callbacks,
                                  cbx_client_address(req, cbx_local_of(req)->settings)};
    stand_in->callbacks.get_peername = get_client;
    req->conn->callbacks = &stand_in->callbacks;
}

static void behind_logs(h2o_logger_t *self, h2o_req_t *req)
{
    (void)self;
    req->conn->callbacks = ((const struct stand_in *)req->conn->callbacks)->own;
}

static void surround_logs(h2o_pathconf_t *path)
{
    h2o_logger_t *first;

    if (path->loggers.size == 0)
        return;
    first = h2o_create_logger(path, sizeof(*first));
    first->log_access = before_logs;
    memmove(path->loggers.entries + 1, path->loggers.entries,
            (path->loggers.size - 1) * sizeof(path->loggers.entries[0]));
    path->loggers.entries[0] = first;
    h2o_create_logger(path, sizeof(*first))->log_access = behind_logs;
}

void cbx_client_register(h2o_hostconf_t *host, const cbx_settings_t *settings)
{
    if (settings->trusted_proxies_len == 0)
        return;
    for (size_t i = 0; i != host->paths.size; ++i)
        surround_logs(&host->paths.entries[i]);
    surround_logs(&host->fallback_path);
}
