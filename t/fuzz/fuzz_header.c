/* fuzz_header.c -- any bytes as a string of HTTP that we read ourselves: a query, a path, Cookie,
 * Authorization, Origin and Host, a list, Sec-WebSocket-Key and -Extensions, a number; and the names and
 * texts of people.
 *
 * An input is a list of them, with RECORD between two; the first byte of each says which it is, and a line
 * feed, which no header holds, stands between an Origin and its Host. Held here: each is read as it is read a
 * second time here, more simply; and nothing is found that does not stand there.
 */
#include "fuzz.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "http/extension.h"
#include "http/parse.h"
#include "utf8.h"
#include "wire/deflate.h"
#include "wire/names.h"
#include "wire/types.h"

enum { PARTS_MAX = 512, RECORD = 0x1e };

/* what stands between the separators */
static size_t split(cbx_slice_t text, char separator, cbx_slice_t parts[PARTS_MAX])
{
    size_t n = 0, begin = 0;

    for (size_t i = 0; i <= text.len && n != PARTS_MAX; ++i)
        if (i == text.len || text.base[i] == separator) {
            parts[n++] = (cbx_slice_t){text.base + begin, i - begin};
            begin = i + 1;
        }
    return n;
}

static bool slices_are_same(cbx_slice_t a, cbx_slice_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.base, b.base, a.len) == 0);
}

static void must_lie_in(cbx_slice_t part, cbx_slice_t whole)
{
    MUST(part.base == NULL || (part.base >= whole.base && part.base + part.len <= whole.base + whole.len));
}

static cbx_slice_t bare(cbx_slice_t text)
{
    while (text.len != 0 && (text.base[text.len - 1] == ' ' || text.base[text.len - 1] == '\t'))
        --text.len;
    for (; text.len != 0 && (text.base[0] == ' ' || text.base[0] == '\t'); --text.len)
        ++text.base;
    return text;
}

/* a number is one when it is written as it would be printed */
static bool is_whole(cbx_slice_t text, int64_t *value)
{
    char digits[32] = "", again[32];

    if (text.len == 0 || text.len > 16)
        return false;
    memcpy(digits, text.base, text.len);
    *value = strtoll(digits, NULL, 10);
    snprintf(again, sizeof(again), "%" PRId64, *value);
    return strlen(digits) == text.len && strcmp(digits, again) == 0 && *value >= 0 && *value < CBX_ID_MAX;
}

static void try_whole(cbx_slice_t text)
{
    int64_t value = -7, wanted = -7;
    bool good = is_whole(text, &wanted);

    MUST(cbx_whole_parse(text, &value) == good);
    MUST(value == (good ? wanted : -7));
}

/* the value of name=value; false: it is another's */
static bool is_parameter(cbx_slice_t part, const char *name, cbx_slice_t *value)
{
    const char *equals = part.len != 0 ? memchr(part.base, '=', part.len) : NULL;
    size_t len = equals != NULL ? (size_t)(equals - part.base) : part.len;

    *value = (cbx_slice_t){part.base + len + (equals != NULL), part.len - len - (equals != NULL)};
    return len == strlen(name) && memcmp(part.base, name, len) == 0;
}

static void try_query(cbx_slice_t query)
{
    int64_t before, limit, value = -1, found = -1;
    const cbx_parameter_t parameters[] = {{"before", &before}, {"limit", &limit}, {NULL, NULL}};
    cbx_err_t err = cbx_query_read(query, parameters);
    cbx_slice_t parts[PARTS_MAX], text;
    unsigned befores = 0, limits = 0, bad = 0;
    size_t n = split(query, '&', parts);

    if (n == PARTS_MAX)
        return;
    for (size_t i = 0; i != n; ++i) {
        bool is_before = is_parameter(parts[i], "before", &text),
             is_limit = is_parameter(parts[i], "limit", &text);
        befores += is_before;
        limits += is_limit;
        bad += (is_before || is_limit) && !is_whole(text, &value);
        found = is_before ? value : found;
    }
    MUST((err == CBX_OK) == (bad == 0 && befores <= 1 && limits <= 1));
    MUST(err == CBX_OK || err == CBX_ERR_BAD_FRAME);
    MUST(err != CBX_OK || before == found);
}

static void try_query_text(cbx_slice_t query)
{
    cbx_slice_t text, value, wanted = {NULL, 0}, parts[PARTS_MAX];
    cbx_err_t err = cbx_query_text(query, "after", &text);
    unsigned afters = 0;
    size_t n = split(query, '&', parts);

    if (n == PARTS_MAX)
        return;
    for (size_t i = 0; i != n; ++i)
        if (is_parameter(parts[i], "after", &value)) {
            ++afters;
            wanted = value;
        }
    MUST((err == CBX_OK) == (afters <= 1));
    must_lie_in(text, query);
    MUST(err != CBX_OK || (slices_are_same(text, wanted) && (text.base != NULL) == (afters == 1)));
}

static void try_cookie(cbx_slice_t header)
{
    cbx_slice_t found = cbx_cookie_find(header, "chatterbox_token"), value = {NULL, 0}, parts[PARTS_MAX],
                name;
    size_t n = split(header, ';', parts);

    if (n == PARTS_MAX)
        return;
    must_lie_in(found, header);
    for (size_t i = 0; i != n; ++i) {
        const char *equals = parts[i].len != 0 ? memchr(parts[i].base, '=', parts[i].len) : NULL;
        name = bare(
            (cbx_slice_t){parts[i].base, equals != NULL ? (size_t)(equals - parts[i].base) : parts[i].len});
        if (!cbx_slice_is(name, "chatterbox_token"))
            continue;
        MUST(found.base != NULL);
        if (equals != NULL)
            value = bare((cbx_slice_t){equals + 1, (size_t)(parts[i].base + parts[i].len - equals - 1)});
        if (value.len >= 2 && value.base[0] == '"' && value.base[value.len - 1] == '"')
            value = (cbx_slice_t){value.base + 1, value.len - 2};
        MUST(slices_are_same(found, value));
        return;
    }
    MUST(found.base == NULL);
}

static void try_bearer(cbx_slice_t header)
{
    cbx_slice_t found = cbx_bearer_find(header), text = bare(header);
    bool is_one =
        text.len >= 6 && strncasecmp(text.base, "bearer", 6) == 0 && (text.len == 6 || text.base[6] == ' ');

    must_lie_in(found, header);
    MUST((found.base != NULL) == is_one);
    if (is_one && text.len > 6)
        MUST(slices_are_same(found, bare((cbx_slice_t){text.base + 7, text.len - 7})));
}

static void try_list(cbx_slice_t list)
{
    cbx_slice_t parts[PARTS_MAX];
    size_t n = split(list, ',', parts);
    bool has = false;

    for (size_t i = 0; i != n && !has; ++i)
        has = cbx_slice_is(bare(parts[i]), "chatterbox.v1");
    MUST(n == PARTS_MAX || cbx_list_has(list, "chatterbox.v1") == has);
}

/* the two differ in nothing but the port that everybody has, and the shorter has none */
static bool is_port_behind(cbx_slice_t longer, cbx_slice_t shorter, const char *port)
{
    size_t len = strlen(port);

    return longer.len == shorter.len + len && memcmp(longer.base + shorter.len, port, len) == 0 &&
           strncasecmp(longer.base, shorter.base, shorter.len) == 0 &&
           (shorter.base[shorter.len - 1] == ']' || memchr(shorter.base, ':', shorter.len) == NULL);
}

static void try_origin_of(cbx_slice_t origin, bool tls, cbx_slice_t authority)
{
    const char *scheme = tls ? "https://" : "http://", *port = tls ? ":443" : ":80";
    cbx_slice_t host;

    if (!cbx_origin_is_own(origin, tls, authority))
        return;
    MUST(origin.len > strlen(scheme) && strncasecmp(origin.base, scheme, strlen(scheme)) == 0);
    host = (cbx_slice_t){origin.base + strlen(scheme), origin.len - strlen(scheme)};
    MUST((host.len == authority.len && strncasecmp(host.base, authority.base, host.len) == 0) ||
         is_port_behind(host, authority, port) || is_port_behind(authority, host, port));
    MUST(!cbx_origin_is_own(origin, !tls, authority));
}

/* an Origin, a line feed, a Host */
static void try_origin(cbx_slice_t text)
{
    static char example[] = "https://app.example", *allowed[] = {example, NULL};
    cbx_slice_t authority = text, origin = cbx_next_part(&authority, '\n');
    char whole[512];

    try_origin_of(origin, false, authority);
    try_origin_of(origin, true, authority);
    MUST(cbx_origin_is_allowed(origin, allowed) ==
         (origin.len == strlen(example) && strncasecmp(origin.base, example, origin.len) == 0));
    if (authority.len == 0 || authority.len > 256)
        return;
    for (int tls = 0; tls != 2; ++tls) {
        size_t len = (size_t)snprintf(whole, sizeof(whole), tls ? "https://" : "http://");
        memcpy(whole + len, authority.base, authority.len);
        MUST(cbx_origin_is_own((cbx_slice_t){whole, len + authority.len}, tls, authority));
    }
}

/* a path that fits is the pattern with its parts filled in */
static void try_path(cbx_slice_t path)
{
    static const char *const patterns[] = {"/api/me", "/api/rooms/{room}", "/api/rooms/{room}/members",
                                           "/api/rooms/{room}/members/{username}",
                                           "/api/rooms/{room}/messages"};
    char wanted[256];
    unsigned fits = 0;

    for (size_t i = 0; i != sizeof(patterns) / sizeof(patterns[0]); ++i) {
        cbx_path_args_t args = {-1, {NULL, 0}};
        const char *behind = strstr(patterns[i], "{room}");
        int len;
        if (!cbx_path_matches(patterns[i], path, &args))
            continue;
        ++fits;
        if (behind == NULL)
            len = snprintf(wanted, sizeof(wanted), "%s", patterns[i]);
        else
            len = snprintf(wanted, sizeof(wanted), "/api/rooms/%" PRId64 "%.*s%.*s", args.room,
                           (int)strcspn(behind + 6, "{"), behind + 6, (int)args.username.len,
                           args.username.len != 0 ? args.username.base : "");
        MUST(args.username.len == 0 || cbx_username_valid(args.username.base, args.username.len));
        MUST((size_t)len == path.len && memcmp(wanted, path.base, path.len) == 0);
    }
    MUST(fits <= 1);
}

static void try_key(cbx_slice_t key)
{
    bool good = key.len == 24;

    for (size_t i = 0; i != key.len && good; ++i) {
        char c = key.base[i];
        good = i >= 22 ? c == '='
               : c != '\0' && strchr("+/", c) != NULL
                   ? true
                   : (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    }
    MUST(cbx_websocket_key_valid(key) == good);
}

/* an offer, by words: each of the four parameters once at most, and ours among the windows */
static bool offer_is_good(cbx_slice_t offer, bool *window)
{
    static const char *const names[] = {"server_no_context_takeover", "client_no_context_takeover",
                                        "server_max_window_bits", "client_max_window_bits"};
    cbx_slice_t parts[PARTS_MAX], value;
    size_t n = split(offer, ';', parts), k;
    unsigned seen[4] = {0};
    int64_t bits;

    *window = false;
    if (n == PARTS_MAX || !cbx_slice_is(bare(parts[0]), "permessage-deflate"))
        return false;
    for (size_t i = 1; i != n; ++i) {
        cbx_slice_t part = bare(parts[i]);
        const char *equals = part.len != 0 ? memchr(part.base, '=', part.len) : NULL;
        cbx_slice_t name = {part.base, equals != NULL ? (size_t)(equals - part.base) : part.len};
        for (k = 0; k != 4 && !cbx_slice_is(bare(name), names[k]); ++k)
            ;
        if (k == 4 || ++seen[k] > 1 || (k < 2 && equals != NULL) || (k == 2 && equals == NULL))
            return false;
        if (equals == NULL)
            continue;
        value = bare((cbx_slice_t){equals + 1, part.len - name.len - 1});
        if (value.len > 1 && value.base[0] == '"' && value.base[value.len - 1] == '"')
            value = (cbx_slice_t){value.base + 1, value.len - 2};
        if (!is_whole(value, &bits) || bits < (k == 2 ? 15 : 8) || bits > 15)
            return false;
        *window = *window || k == 2;
    }
    return true;
}

static void try_extensions(cbx_slice_t header)
{
    const char *answer = cbx_deflate_answer(header);
    cbx_slice_t parts[PARTS_MAX];
    size_t n = split(header, ',', parts), i;
    bool window = false;

    if (n == PARTS_MAX)
        return;
    for (i = 0; i != n && !offer_is_good(parts[i], &window); ++i)
        ;
    MUST((answer != NULL) == (i != n));
    MUST(answer == NULL || (strstr(answer, "server_max_window_bits=15") != NULL) == window);
    MUST(answer == NULL || strstr(answer, "server_no_context_takeover") != NULL);
}

/* how many characters, or -1: malformed; `controls`: there is one (C0, DEL, C1) */
static long count_characters(cbx_slice_t text, bool *controls)
{
    utf8_t u = {0};
    long n = 0;

    *controls = false;
    for (size_t i = 0; i != text.len; ++i) {
        uint8_t c = (uint8_t)text.base[i], before = i != 0 ? (uint8_t)text.base[i - 1] : 0;
        n += u.more == 0;
        if (!utf8_next(&u, c))
            return -1;
        *controls = *controls || c < 0x20 || c == 0x7f || (before == 0xc2 && c < 0xa0);
    }
    return u.more == 0 ? n : -1;
}

static void try_names(cbx_slice_t text)
{
    bool controls, blank = true, plain = text.len >= 1 && text.len <= 32,
                   printable = text.len >= 1 && text.len <= 64;
    long n = count_characters(text, &controls);
    cbx_err_t err = cbx_text_check(text.base, text.len, 100);

    for (size_t i = 0; i != text.len; ++i) {
        char c = text.base[i];
        plain = plain && c != '\0' &&
                strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-", c) != NULL;
        printable = printable && c >= 0x20 && c < 0x7f;
        blank = blank && c == ' ';
    }
    MUST(cbx_utf8_valid(text.base, text.len) == (n >= 0));
    MUST(!cbx_username_valid(text.base, text.len) || plain);
    MUST(!plain || cbx_username_valid(text.base, text.len) ||
         text.base[0] == '.'); /* "." and ".." are none */
    MUST(!cbx_cid_valid(text.base, text.len) || printable);
    MUST(cbx_topic_valid(text.base, text.len) == (n >= 0 && n <= 250 && !controls));
    MUST(!cbx_display_name_valid(text.base, text.len) || (n >= 1 && n <= 64 && !controls && !blank));
    MUST(!cbx_room_name_valid(text.base, text.len) || (n >= 1 && n <= 64 && !controls && !blank));
    MUST(err != CBX_OK || (n >= 1 && text.len <= 100 && memchr(text.base, 0, text.len) == NULL));
    MUST(n >= 0 || err != CBX_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(cbx_slice_t text) = {
        ['#'] = try_whole,  ['?'] = try_query,      ['a'] = try_query_text, ['c'] = try_cookie,
        ['b'] = try_bearer, ['l'] = try_list,       ['o'] = try_origin,     ['/'] = try_path,
        ['k'] = try_key,    ['e'] = try_extensions, ['n'] = try_names};

    cbx_slice_t rest = {(const char *)data, size};

    while (rest.len != 0) {
        cbx_slice_t one = cbx_next_part(&rest, RECORD);
        unsigned char which = one.len != 0 ? (unsigned char)one.base[0] : 0;
        if (which < sizeof(tries) / sizeof(tries[0]) && tries[which] != NULL)
            tries[which]((cbx_slice_t){one.base + 1, one.len - 1});
    }
    return 0;
}
