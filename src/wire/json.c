/* json.c -- the only door to yajl: objects read by a table, and yajl_gen with fewer words.
 *
 * A reader keeps no tree: yajl calls back for each token, and a value goes straight to its place. yajl checks
 * UTF-8 loosely (it lets overlong forms and surrogates pass), so the text is checked before, strictly.
 */
#include "wire/json.h"

#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

#include "wire/names.h"
#include "wire/types.h"

enum { DEPTH_MAX = 16, FIELDS_MAX = 31, SKIP = -1 };

struct reader {
    const cbx_json_field_t *fields;
    char *into;
    unsigned depth;
    uint32_t seen; /* a bit a field */
    int field;     /* the one whose value comes next, or SKIP */
    int64_t pair;  /* the key whose value comes next, in a pairs object */
    bool in_pairs;
    cbx_err_t err;
};

static void *slot(const struct reader *r)
{
    return r->into + r->fields[r->field].offset;
}

/* ends the parse: yajl stops when a callback returns 0 */
static int refuse(struct reader *r, cbx_err_t err)
{
    r->err = err;
    return 0;
}

/* is this value the one that a field waits for? If so it must be of that kind. */
static bool wanted(const struct reader *r)
{
    return r->depth == 1 && r->field != SKIP;
}

static int on_scalar(struct reader *r)
{
    if (r->depth == 0 || r->in_pairs || wanted(r))
        return refuse(r, CBX_ERR_BAD_FRAME);
    return 1;
}

static int on_null(void *ctx)
{
    return on_scalar(ctx);
}

static int on_boolean(void *ctx, int value)
{
    (void)value;
    return on_scalar(ctx);
}

/* whole numbers 0 to 2^53-1 without sign, fraction or exponent; -1: something else */
static int64_t parse_whole(const char *text, size_t len)
{
    int64_t value = 0;

    if (len == 0 || len > 16 || (len > 1 && text[0] == '0'))
        return -1;
    for (size_t i = 0; i != len; ++i) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value < CBX_ID_MAX ? value : -1;
}

static int add_pair(struct reader *r, int64_t value)
{
    cbx_pairs_t *pairs = slot(r);

    if (value == -1 || pairs->len == CBX_JSON_PAIRS_MAX)
        return refuse(r, CBX_ERR_BAD_FRAME);
    if ((pairs->len & (pairs->len - 1)) == 0) /* full at each power of two */
        pairs->list = cbx_realloc(pairs->list, sizeof(*pairs->list) * (pairs->len == 0 ? 1 : pairs->len * 2));
    pairs->list[pairs->len++] = (struct cbx_pair){r->pair, value};
    return 1;
}

static int on_number(void *ctx, const char *text, size_t len)
{
    struct reader *r = ctx;
    int64_t value;

    if (r->in_pairs)
        return add_pair(r, parse_whole(text, len));
    if (!wanted(r))
        return on_scalar(r);
    if (r->fields[r->field].kind != CBX_JSON_INT || (value = parse_whole(text, len)) == -1)
        return refuse(r, CBX_ERR_BAD_FRAME);
    *(int64_t *)slot(r) = value;
    return 1;
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
    struct reader *r = ctx;

    if (!wanted(r) || r->in_pairs)
        return on_scalar(r);
    if (r->fields[r->field].kind != CBX_JSON_STRING)
        return refuse(r, CBX_ERR_BAD_FRAME);
    *(cbx_str_t *)slot(r) = (cbx_str_t){cbx_memdup(text, len), len};
    return 1;
}

static int on_open(void *ctx)
{
    struct reader *r = ctx;

    if (r->depth == DEPTH_MAX)
        return refuse(r, CBX_ERR_BAD_JSON);
    if (r->in_pairs)
        return refuse(r, CBX_ERR_BAD_FRAME);
    if (wanted(r)) {
        if (r->fields[r->field].kind != CBX_JSON_PAIRS)
            return refuse(r, CBX_ERR_BAD_FRAME);
        r->in_pairs = true;
    }
    ++r->depth;
    return 1;
}

static int by_key(const void *a, const void *b)
{
    int64_t x = ((const struct cbx_pair *)a)->key, y = ((const struct cbx_pair *)b)->key;

    return (x > y) - (x < y);
}

static int end_pairs(struct reader *r)
{
    cbx_pairs_t *pairs = slot(r);

    r->in_pairs = false;
    if (pairs->len != 0)
        qsort(pairs->list, pairs->len, sizeof(*pairs->list), by_key);
    for (size_t i = 1; i < pairs->len; ++i)
        if (pairs->list[i - 1].key == pairs->list[i].key)
            return refuse(r, CBX_ERR_BAD_FRAME);
    return 1;
}

static int on_close(void *ctx)
{
    struct reader *r = ctx;

    return --r->depth == 1 && r->in_pairs ? end_pairs(r) : 1;
}

static int on_list(void *ctx)
{
    struct reader *r = ctx;

    if (r->depth == 0 || r->in_pairs || wanted(r))
        return refuse(r, CBX_ERR_BAD_FRAME);
    return on_open(r);
}

static int on_pair_key(struct reader *r, const char *key, size_t len)
{
    if ((r->pair = parse_whole(key, len)) == -1)
        return refuse(r, CBX_ERR_BAD_FRAME);
    return 1;
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
    struct reader *r = ctx;

    if (r->in_pairs)
        return on_pair_key(r, (const char *)text, len);
    if (r->depth != 1)
        return 1;
    r->field = SKIP;
    for (int i = 0; r->fields[i].name != NULL; ++i) {
        if (strlen(r->fields[i].name) != len || memcmp(r->fields[i].name, text, len) != 0)
            continue;
        if ((r->seen & UINT32_C(1) << i) != 0)
            return refuse(r, CBX_ERR_BAD_FRAME);
        r->seen |= UINT32_C(1) << i;
        r->field = i;
    }
    return 1;
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number, /* in place of integer and double: text, so nothing overflows */
    .yajl_string = on_string,
    .yajl_start_map = on_open,
    .yajl_map_key = on_key,
    .yajl_end_map = on_close,
    .yajl_start_array = on_list,
    .yajl_end_array = on_close,
};

static void prepare(const cbx_json_field_t *fields, void *into)
{
    size_t n = 0;

    for (; fields[n].name != NULL; ++n)
        if (fields[n].kind == CBX_JSON_INT)
            *(int64_t *)((char *)into + fields[n].offset) = -1;
    CBX_ASSERT(n <= FIELDS_MAX);
}

/* yajl takes the start of a token behind the object (`{} "x`) for nothing, so we look there ourselves */
static bool only_space(const char *text, size_t from, size_t len)
{
    while (from != len && memchr(" \t\r\n", text[from], 4) != NULL)
        ++from;
    return from == len;
}

/* the UTF-16 unit that a \uXXXX at `i` stands for, or -1 */
static long escaped_unit(const char *text, size_t i, size_t len)
{
    char hex[5] = {0};

    if (i > len || len - i < 6 || text[i] != '\\' || text[i + 1] != 'u')
        return -1;
    memcpy(hex, text + i + 2, 4);
    return strspn(hex, "0123456789abcdefABCDEF") == 4 ? strtol(hex, NULL, 16) : -1;
}

/* yajl takes half a surrogate pair, and makes bytes of it that are no UTF-8 */
static bool surrogates_paired(const char *text, size_t len)
{
    for (size_t i = 0; i < len; ++i) {
        long unit;
        if (text[i] != '\\')
            continue;
        unit = escaped_unit(text, i, len);
        if (unit >= 0xD800 && unit <= 0xDBFF) {
            i += 6;
            unit = escaped_unit(text, i, len);
            if (unit < 0xDC00 || unit > 0xDFFF)
                return false;
        } else if (unit >= 0xDC00 && unit <= 0xDFFF) {
            return false;
        }
        ++i; /* what was escaped may be a backslash */
    }
    return true;
}

/* all of `text` is one object */
static bool parse_whole_text(yajl_handle handle, const char *text, size_t len)
{
    return yajl_parse(handle, (const unsigned char *)text, len) == yajl_status_ok &&
           only_space(text, yajl_get_bytes_consumed(handle), len) &&
           yajl_complete_parse(handle) == yajl_status_ok;
}

cbx_err_t cbx_json_read(const char *text, size_t len, const cbx_json_field_t *fields, void *into)
{
    struct reader r = {.fields = fields, .into = into, .field = SKIP};
    yajl_handle handle;

    prepare(fields, into);
    if (!cbx_utf8_valid(text, len) || !surrogates_paired(text, len))
        return CBX_ERR_BAD_JSON;
    if ((handle = yajl_alloc(&callbacks, NULL, &r)) == NULL)
        return CBX_ERR_INTERNAL;
    yajl_config(handle, yajl_dont_validate_strings, 1);
    yajl_config(handle, yajl_allow_trailing_garbage, 1);
    if (!parse_whole_text(handle, text, len) && r.err == CBX_OK)
        r.err = CBX_ERR_BAD_JSON;
    yajl_free(handle);
    if (r.err != CBX_OK)
        cbx_json_dispose(fields, into);
    return r.err;
}

void cbx_json_dispose(const cbx_json_field_t *fields, void *into)
{
    for (; fields->name != NULL; ++fields) {
        void *at = (char *)into + fields->offset;
        if (fields->kind == CBX_JSON_STRING) {
            cbx_str_t *str = at;
            if (str->bytes != NULL)
                explicit_bzero(str->bytes, str->len); /* of a request that is refused half read, a password */
            free(str->bytes);
            *str = (cbx_str_t){NULL, 0};
        } else if (fields->kind == CBX_JSON_PAIRS) {
            free(((cbx_pairs_t *)at)->list);
            *(cbx_pairs_t *)at = (cbx_pairs_t){NULL, 0};
        } else {
            *(int64_t *)at = -1;
        }
    }
}

/* -- writing -- */

struct cbx_json {
    yajl_gen gen;
};

/* yajl_gen fails only when it is called out of order or there is no memory: both end the process */
static void must(yajl_gen_status status)
{
    CBX_ASSERT(status == yajl_gen_status_ok);
}

cbx_json_t *cbx_json_create(void)
{
    cbx_json_t *json = cbx_zalloc(sizeof(*json));

    json->gen = yajl_gen_alloc(NULL);
    CBX_ASSERT(json->gen != NULL);
    return json;
}

void cbx_json_free(cbx_json_t *json)
{
    if (json == NULL)
        return;
    yajl_gen_free(json->gen);
    free(json);
}

void cbx_json_begin(cbx_json_t *json)
{
    yajl_gen_clear(json->gen);
    yajl_gen_reset(json->gen, NULL);
}

const char *cbx_json_bytes(cbx_json_t *json, size_t *len)
{
    const unsigned char *bytes;

    must(yajl_gen_get_buf(json->gen, &bytes, len));
    return (const char *)bytes;
}

void cbx_json_open(cbx_json_t *json)
{
    must(yajl_gen_map_open(json->gen));
}

void cbx_json_close(cbx_json_t *json)
{
    must(yajl_gen_map_close(json->gen));
}

void cbx_json_open_list(cbx_json_t *json)
{
    must(yajl_gen_array_open(json->gen));
}

void cbx_json_close_list(cbx_json_t *json)
{
    must(yajl_gen_array_close(json->gen));
}

void cbx_json_key(cbx_json_t *json, const char *key)
{
    must(yajl_gen_string(json->gen, (const unsigned char *)key, strlen(key)));
}

void cbx_json_string(cbx_json_t *json, const char *text, size_t len)
{
    must(yajl_gen_string(json->gen, (const unsigned char *)text, len));
}

void cbx_json_int(cbx_json_t *json, int64_t value)
{
    must(yajl_gen_integer(json->gen, value));
}

void cbx_json_bool(cbx_json_t *json, bool value)
{
    must(yajl_gen_bool(json->gen, value));
}

void cbx_json_raw(cbx_json_t *json, const char *bytes, size_t len)
{
    must(yajl_gen_number(json->gen, bytes, len)); /* yajl writes a number's text as it is */
}

void cbx_json_put_text(cbx_json_t *json, const char *key, const char *text)
{
    cbx_json_put_string(json, key, text, strlen(text));
}

void cbx_json_put_string(cbx_json_t *json, const char *key, const char *text, size_t len)
{
    cbx_json_key(json, key);
    cbx_json_string(json, text, len);
}

void cbx_json_put_int(cbx_json_t *json, const char *key, int64_t value)
{
    cbx_json_key(json, key);
    cbx_json_int(json, value);
}

void cbx_json_put_bool(cbx_json_t *json, const char *key, bool value)
{
    cbx_json_key(json, key);
    cbx_json_bool(json, value);
}
