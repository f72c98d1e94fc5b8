/* parse.h -- what stands in the strings of a request: path, query, cookies, Origin. Pure functions; nothing
 * is copied. */
#ifndef cbx_http_parse_h
#define cbx_http_parse_h

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* some bytes of somebody else's; `base` NULL: not there */
typedef struct cbx_slice {
    const char *base;
    size_t len;
} cbx_slice_t;

bool cbx_slice_is(cbx_slice_t text, const char *what);
/* cuts off what is in front of the first `separator`, and the separator, and returns it */
cbx_slice_t cbx_next_part(cbx_slice_t *rest, char separator);
/* without blanks and tabs at both ends (RFC 9110 section 5.6.3) */
cbx_slice_t cbx_trim(cbx_slice_t text);

/* a whole number of 0 to 2^53-1, written the one way (no sign, no zero in front); false: something else */
bool cbx_whole_parse(cbx_slice_t text, int64_t *value);

/* what a path says; a name is written in the path's own bytes */
typedef struct cbx_path_args {
    int64_t room;
    cbx_slice_t username;
} cbx_path_args_t;

/* does the path fit the pattern? A pattern is a path, where the part "{room}" stands for a whole number, and
 * "{username}" for a name that a user may have; they go to `args`, which means nothing where it does not fit
 */
bool cbx_path_matches(const char *pattern, cbx_slice_t path, cbx_path_args_t *args);

/* a parameter that a query may have: a whole number; -1 where it is not there */
typedef struct cbx_parameter {
    const char *name;
    int64_t *value;
} cbx_parameter_t;

/* reads `before=97&limit=50`; `parameters` ends with a NULL name. Unknown ones are skipped; a known one that
 * is no whole number, or is there twice, is CBX_ERR_BAD_FRAME. */
cbx_err_t cbx_query_read(cbx_slice_t query, const cbx_parameter_t *parameters);
/* the bytes of the parameter `name`, as they are written; CBX_ERR_BAD_FRAME: it is there twice */
cbx_err_t cbx_query_text(cbx_slice_t query, const char *name, cbx_slice_t *text);

/* the value of the first cookie of that name in a Cookie header (RFC 6265 section 4.2.1); quotes around it
 * are dropped */
cbx_slice_t cbx_cookie_find(cbx_slice_t header, const char *name);

/* the token of an Authorization header of the scheme Bearer (RFC 6750 section 2.1) */
cbx_slice_t cbx_bearer_find(cbx_slice_t header);

/* is `item` one of a comma-separated list? Case matters. */
bool cbx_list_has(cbx_slice_t list, const char *item);

/* is this Origin that of a page from `authority` (a Host header), over TLS or not? */
bool cbx_origin_is_own(cbx_slice_t origin, bool tls, cbx_slice_t authority);
/* is it in the list (ended by NULL)? */
bool cbx_origin_is_allowed(cbx_slice_t origin, char *const *allowed);

/* a Sec-WebSocket-Key: 16 bytes in base64 (RFC 6455 section 4.2.1) */
bool cbx_websocket_key_valid(cbx_slice_t key);

#endif
