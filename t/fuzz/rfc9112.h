/* rfc9112.h -- a second reader of requests over HTTP/1, strict, that has all bytes of a connection at once:
 * where each request begins, and what it is.
 */
#ifndef cbx_fuzz_rfc9112_h
#define cbx_fuzz_rfc9112_h

#include "fuzz.h"

#include <strings.h>

typedef struct text {
    const char *at;
    size_t len;
} text_t;

enum { FIELDS_MAX = 128, REQUESTS_MAX = 256 }; /* H2O reads 100 fields */

typedef struct request9112 {
    size_t begins; /* where in the connection's bytes; an empty line may stand in front */
    text_t head, method, target, host, body;
    bool is_1_0, chunked; /* the chunks are not read: nothing may follow */
    struct field {
        text_t name, value;
    } fields[FIELDS_MAX];
    size_t fields_len;
} request9112_t;

static bool text_is(text_t t, const char *what)
{
    return t.len == strlen(what) && strncasecmp(t.at, what, t.len) == 0;
}

/* up to the mark, which is cut off too; false: it is not there */
static bool cut_at(text_t *rest, const char *mark, text_t *piece)
{
    const char *end = memmem(rest->at, rest->len, mark, strlen(mark));

    if (end == NULL)
        return false;
    *piece = (text_t){rest->at, (size_t)(end - rest->at)};
    rest->len -= piece->len + strlen(mark);
    rest->at = end + strlen(mark);
    return true;
}

static bool has_no_space(text_t t)
{
    for (size_t i = 0; i != t.len; ++i)
        if ((unsigned char)t.at[i] <= 0x20 || t.at[i] == 0x7f)
            return false;
    return t.len != 0;
}

/* RFC 9110 section 5.6.2 */
static bool is_token(text_t t)
{
    static const char chars[] =
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    for (size_t i = 0; i != t.len; ++i)
        if (memchr(chars, t.at[i], sizeof(chars) - 1) == NULL)
            return false;
    return t.len != 0;
}

static text_t without_blanks(text_t t)
{
    for (; t.len != 0 && strchr(" \t", t.at[0]) != NULL && t.at[0] != '\0'; --t.len)
        ++t.at;
    while (t.len != 0 && strchr(" \t", t.at[t.len - 1]) != NULL && t.at[t.len - 1] != '\0')
        --t.len;
    return t;
}

/* the fields of that name; `found`: the last of them */
static unsigned count_fields(const request9112_t *r, const char *name, text_t *found)
{
    unsigned n = 0;

    for (size_t i = 0; i != r->fields_len; ++i)
        if (text_is(r->fields[i].name, name)) {
            *found = r->fields[i].value;
            ++n;
        }
    return n;
}

static bool read_fields(text_t lines, request9112_t *r)
{
    text_t line;

    for (r->fields_len = 0; cut_at(&lines, "\r\n", &line);) {
        struct field *f = &r->fields[r->fields_len];
        if (memchr(line.at, '\n', line.len) != NULL || !cut_at(&line, ":", &f->name) || !is_token(f->name) ||
            ++r->fields_len == FIELDS_MAX)
            return false;
        f->value = without_blanks(line);
    }
    return true;
}

/* section 6: false: the length is said in two ways, or in none that everybody reads the same */
static bool read_framing(text_t rest, request9112_t *r)
{
    text_t length = {"0", 1}, coding = {NULL, 0};
    unsigned lengths = count_fields(r, "content-length", &length);
    unsigned codings = count_fields(r, "transfer-encoding", &coding),
             hosts = count_fields(r, "host", &r->host);
    size_t n = 0;

    r->chunked = codings != 0;
    if (hosts > 1 || (hosts == 0 && !r->is_1_0) || lengths > 1 || codings > 1 ||
        (codings != 0 && lengths != 0))
        return false;
    if (r->chunked)
        return !r->is_1_0 && text_is(coding, "chunked");
    for (size_t i = 0; i != length.len; ++i) {
        if (length.at[i] < '0' || length.at[i] > '9' || n > SIZE_MAX / 16)
            return false;
        n = n * 10 + (size_t)(length.at[i] - '0');
    }
    r->body = (text_t){rest.at, n};
    return length.len != 0 && n <= rest.len;
}

/* the next whole request of `rest`, cut off; false: there is none, or nobody should read it */
static bool next_request(text_t *rest, request9112_t *r)
{
    text_t lines, line;
    const char *begin = rest->at;

    memset(r, 0, offsetof(request9112_t, fields));
    if (rest->len >= 2 && memcmp(rest->at, "\r\n", 2) == 0)
        *rest = (text_t){rest->at + 2, rest->len - 2};
    if (!cut_at(rest, "\r\n\r\n", &r->head))
        return false;
    lines = (text_t){r->head.at, r->head.len + 2};
    if (!cut_at(&lines, "\r\n", &line) || !cut_at(&line, " ", &r->method) || !cut_at(&line, " ", &r->target))
        return false;
    r->is_1_0 = text_is(line, "HTTP/1.0");
    if (!is_token(r->method) || !has_no_space(r->target) || memchr(line.at, '\n', line.len) != NULL ||
        !read_fields(lines, r) || !read_framing(*rest, r))
        return false;
    r->head.len += (size_t)(r->head.at - begin);
    r->head.at = begin;
    if (!r->chunked)
        *rest = (text_t){rest->at + r->body.len, rest->len - r->body.len};
    else
        rest->len = 0;
    return true;
}

#endif
