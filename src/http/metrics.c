/* metrics.c -- what is counted (base/stats.h), in the text format of Prometheus, version 0.0.4. */
#include "http/http.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/stats.h"
#include "http/reply.h"

enum { ROW_MAX = 512 }; /* bytes of the three lines of a row; help texts are short */

/* a counter's name ends with _total, as Prometheus wants it */
static void put_row(cbx_buf_t *out, const char *name, const char *kind, const char *help, int64_t value)
{
    const char *suffix = strcmp(kind, "counter") == 0 ? "_total" : "";
    char *at = cbx_buf_reserve(out, ROW_MAX);
    int len = snprintf(at, ROW_MAX,
                       "# HELP chatterbox_%s%s %s\n"
                       "# TYPE chatterbox_%s%s %s\n"
                       "chatterbox_%s%s %" PRId64 "\n",
                       name, suffix, help, name, suffix, kind, name, suffix, value);

    CBX_ASSERT(len > 0 && len < ROW_MAX);
    out->len += (size_t)len;
}

static void put_all(cbx_buf_t *out)
{
#define PUT(name, kind, help) put_row(out, #name, kind, help, CBX_READ(name));
    CBX_STATS(PUT)
#undef PUT
}

static int on_req(h2o_handler_t *self, h2o_req_t *req)
{
    cbx_buf_t out = {0};

    (void)self;
    if (!cbx_path_is_exact(req))
        return -1;
    if (!cbx_method_reads(req)) {
        cbx_reply_not_allowed(req, "GET, HEAD");
        return 0;
    }
    put_all(&out);
    cbx_reply_bytes(req, 200, "text/plain; version=0.0.4; charset=utf-8", out.bytes, out.len);
    cbx_buf_dispose(&out);
    return 0;
}

void cbx_http_register_metrics(h2o_pathconf_t *path)
{
    h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = on_req;
}
