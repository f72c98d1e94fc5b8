/* parse.c -- what stands in the strings of a request.
 *
 * Everything here comes from strangers, and nothing is repaired: what is not exactly what it should be does
 * not match.
 */
#include "http/parse.h"

#include <string.h>
#include <strings.h>

#include "wire/names.h"
#include "wire/types.h"

bool cbx_slice_is(cbx_slice_t text, const char *what)
{
    return text.len == strlen(what) && memcmp(text.base, what, text.len) == 0;
}

static bool is_caseless(cbx_slice_t text, const char *what, size_t len)
{
    return text.len == len && strncasecmp(text.base, what, len) == 0;
}

cbx_slice_t cbx_next_part(cbx_slice_t *rest, char separator)
{
    const char *end = rest->len != 0 ? memchr(rest->base, separator, rest->len) : NULL;
    cbx_slice_t part = {rest->base, end != NULL ? (size_t)(end - rest->base) : rest->len};
    size_t used = part.len + (end != NULL);

    *rest = (cbx_slice_t){rest->base + used, rest->len - used};
    return part;
}

cbx_slice_t cbx_trim(cbx_slice_t text)
{
    while (text.len != 0 && (text.base[0] == ' ' || text.base[0] == '\t'))
        text = (cbx_slice_t){text.base + 1, text.len - 1};
    while (text.len != 0 && (text.base[text.len - 1] == ' ' || text.base[text.len - 1] == '\t'))
        --text.len;
    return text;
}

bool cbx_whole_parse(cbx_slice_t text, int64_t *value)
{
    int64_t number = 0;

    if (text.len == 0 || text.len > 16 || (text.len > 1 && text.base[0] == '0'))
        return false;
    for (size_t i = 0; i != text.len; ++i) {
        if (text.base[i] < '0' || text.base[i] > '9')
            return false;
        number = number * 10 + (text.base[i] - '0');
    }
    if (number >= CBX_ID_MAX)
        return false;
    *value = number;
    return true;
}

/* cuts "/part" off a path that begins with a slash */
static cbx_slice_t next_segment(cbx_slice_t *path)
{
    const char *begin = path->base + 1, *all_end = path->base + path->len, *end = begin;

    while (end != all_end && *end != '/')
        ++end;
    *path = (cbx_slice_t){end, (size_t)(all_end - end)};
    return (cbx_slice_t){begin, (size_t)(end - begin)};
}

static bool segment_fits(cbx_slice_t wanted, cbx_slice_t have, cbx_path_args_t *args)
{
    if (cbx_slice_is(wanted, "{room}"))
        return cbx_whole_parse(have, &args->room);
    if (cbx_slice_is(wanted, "{username}")) {
        args->username = have;
        return cbx_username_valid(have.base, have.len);
    }
    return have.len == wanted.len && memcmp(have.base, wanted.base, have.len) == 0;
}

bool cbx_path_matches(const char *pattern, cbx_slice_t path, cbx_path_args_t *args)
{
    cbx_slice_t wanted = {pattern, strlen(pattern)};

    while (wanted.len != 0) {
        if (path.len == 0 || path.base[0] != '/' ||
            !segment_fits(next_segment(&wanted), next_segment(&path), args))
            return false;
    }
    return path.len == 0;
}

static cbx_err_t read_parameter(cbx_slice_t name, cbx_slice_t value, const cbx_parameter_t *parameters)
{
    for (; parameters->name != NULL; ++parameters) {
        if (!cbx_slice_is(name, parameters->name))
            continue;
        if (*parameters->value != -1 || !cbx_whole_parse(value, parameters->value))
            return CBX_ERR_BAD_FRAME;
    }
    return CBX_OK;
}

cbx_err_t cbx_query_read(cbx_slice_t query, const cbx_parameter_t *parameters)
{
    cbx_err_t err = CBX_OK;

    for (const cbx_parameter_t *p = parameters; p->name != NULL; ++p)
        *p->value = -1;
    while (query.len != 0 && err == CBX_OK) {
        cbx_slice_t value = cbx_next_part(&query, '&'), name = cbx_next_part(&value, '=');
        err = read_parameter(name, value, parameters);
    }
    return err;
}

cbx_err_t cbx_query_text(cbx_slice_t query, const char *name, cbx_slice_t *text)
{
    *text = (cbx_slice_t){NULL, 0};
    while (query.len != 0) {
        cbx_slice_t value = cbx_next_part(&query, '&');
        if (!cbx_slice_is(cbx_next_part(&value, '='), name))
            continue;
        if (text->base != NULL)
            return CBX_ERR_BAD_FRAME;
        *text = value;
    }
    return CBX_OK;
}

cbx_slice_t cbx_cookie_find(cbx_slice_t header, const char *name)
{
    while (header.len != 0) {
        cbx_slice_t value = cbx_next_part(&header, ';'), found = cbx_trim(cbx_next_part(&value, '='));
        if (!cbx_slice_is(found, name))
            continue;
        value = cbx_trim(value);
        if (value.len >= 2 && value.base[0] == '"' && value.base[value.len - 1] == '"')
            value = (cbx_slice_t){value.base + 1, value.len - 2};
        return value;
    }
    return (cbx_slice_t){NULL, 0};
}

cbx_slice_t cbx_bearer_find(cbx_slice_t header)
{
    cbx_slice_t rest = cbx_trim(header), scheme = cbx_next_part(&rest, ' ');

    if (!is_caseless(scheme, "Bearer", 6))
        return (cbx_slice_t){NULL, 0};
    return cbx_trim(rest);
}

bool cbx_list_has(cbx_slice_t list, const char *item)
{
    while (list.len != 0)
        if (cbx_slice_is(cbx_trim(cbx_next_part(&list, ',')), item))
            return true;
    return false;
}

/* browsers leave the default port out of an Origin; a Host header may say it */
static cbx_slice_t without_default_port(cbx_slice_t authority, bool tls)
{
    const char *port = tls ? ":443" : ":80";
    size_t len = strlen(port);
    cbx_slice_t host;
    bool has_another; /* port, as in host:8080:80 */

    if (authority.len <= len || memcmp(authority.base + authority.len - len, port, len) != 0)
        return authority;
    host = (cbx_slice_t){authority.base, authority.len - len};
    has_another = host.base[host.len - 1] != ']' && memchr(host.base, ':', host.len) != NULL;
    return has_another ? authority : host;
}

bool cbx_origin_is_own(cbx_slice_t origin, bool tls, cbx_slice_t authority)
{
    const char *scheme = tls ? "https://" : "http://";
    size_t len = strlen(scheme);
    cbx_slice_t host;

    if (origin.len <= len || strncasecmp(origin.base, scheme, len) != 0)
        return false;
    host = without_default_port((cbx_slice_t){origin.base + len, origin.len - len}, tls);
    authority = without_default_port(authority, tls);
    return authority.len != 0 && is_caseless(host, authority.base, authority.len);
}

bool cbx_origin_is_allowed(cbx_slice_t origin, char *const *allowed)
{
    for (; allowed != NULL && *allowed != NULL; ++allowed)
        if (is_caseless(origin, *allowed, strlen(*allowed)))
            return true;
    return false;
}

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

bool cbx_websocket_key_valid(cbx_slice_t key)
{
    if (key.len != 24 || key.base[22] != '=' || key.base[23] != '=')
        return false;
    for (size_t i = 0; i != 22; ++i)
        if (!is_base64(key.base[i]))
            return false;
    return true;
}
