/* extension.c -- offers of permessage-deflate, one after the other: the first that we can take is enough.
 *
 *     permessage-deflate; client_max_window_bits, permessage-deflate; server_max_window_bits=15
 *
 * A quoted value may hold what separates otherwise, but none of ours can: an offer with one that does is cut
 * in the middle, and no piece of it is an offer of ours.
 */
#include "http/extension.h"

#include <string.h>

#include "wire/deflate.h"

enum { SERVER_ALONE = 1, CLIENT_ALONE = 2, SERVER_WINDOW = 4, CLIENT_WINDOW = 8 };

/* 8 to 15, without a zero in front (section 7.1.2) */
static bool is_window(cbx_slice_t value)
{
    return (value.len == 1 && value.base[0] >= '8' && value.base[0] <= '9') ||
           (value.len == 2 && value.base[0] == '1' && value.base[1] >= '0' && value.base[1] <= '5');
}

/* RFC 6455 section 9.1: a quoted value means what it would mean without the quotes */
static cbx_slice_t unquote(cbx_slice_t value)
{
    if (value.len >= 2 && value.base[0] == '"' && value.base[value.len - 1] == '"')
        return (cbx_slice_t){value.base + 1, value.len - 2};
    return value;
}

/* the parameter's bit, or 0: an offer with it is not for us */
static unsigned read_parameter(cbx_slice_t part)
{
    bool has_value = part.len != 0 && memchr(part.base, '=', part.len) != NULL;
    cbx_slice_t rest = part, name = cbx_trim(cbx_next_part(&rest, '='));
    cbx_slice_t value = unquote(cbx_trim(rest));

    if (cbx_slice_is(name, "server_no_context_takeover"))
        return has_value ? 0 : SERVER_ALONE;
    if (cbx_slice_is(name, "client_no_context_takeover"))
        return has_value ? 0 : CLIENT_ALONE;
    if (cbx_slice_is(name, "server_max_window_bits"))
        return has_value && cbx_slice_is(value, "15") ? SERVER_WINDOW : 0;
    if (cbx_slice_is(name, "client_max_window_bits"))
        return !has_value || is_window(value) ? CLIENT_WINDOW : 0;
    return 0;
}

/* the answer to one offer, or NULL: it cannot be taken. A window that was asked for is named again, which
 * is how it is agreed to (section 7.1.2.1). */
static const char *answer_one(cbx_slice_t offer)
{
    unsigned seen = 0;

    offer = cbx_trim(offer);
    if (offer.len != 0 && offer.base[offer.len - 1] == ';')
        return NULL; /* promises a parameter */
    if (!cbx_slice_is(cbx_trim(cbx_next_part(&offer, ';')), CBX_DEFLATE_NAME))
        return NULL;
    while (offer.len != 0) {
        unsigned parameter = read_parameter(cbx_trim(cbx_next_part(&offer, ';')));
        if (parameter == 0 || (seen & parameter) != 0)
            return NULL;
        seen |= parameter;
    }
    return (seen & SERVER_WINDOW) != 0 ? CBX_DEFLATE_ANSWER "; server_max_window_bits=15"
                                       : CBX_DEFLATE_ANSWER;
}

const char *cbx_deflate_answer(cbx_slice_t header)
{
    const char *answer = NULL;

    while (answer == NULL && header.len != 0)
        answer = answer_one(cbx_next_part(&header, ','));
    return answer;
}
