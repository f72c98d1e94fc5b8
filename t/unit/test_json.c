/* test_json.c -- reading by a table: every kind, every refusal, and every way of cutting the input short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/json.h"

struct thing {
    cbx_str_t name;
    int64_t number;
    cbx_pairs_t since;
};

static const cbx_json_field_t fields[] = {
    {"name", CBX_JSON_STRING, offsetof(struct thing, name)},
    {"number", CBX_JSON_INT, offsetof(struct thing, number)},
    {"since", CBX_JSON_PAIRS, offsetof(struct thing, since)},
    {NULL, CBX_JSON_INT, 0},
};

static cbx_err_t read_thing(const char *text, size_t len, struct thing *thing)
{
    char *copy = malloc(len + 1); /* of exactly this size, so that a read past the end is seen */
    cbx_err_t err;

    memcpy(copy, text, len);
    memset(thing, 0, sizeof(*thing));
    err = cbx_json_read(copy, len, fields, thing);
    free(copy);
    return err;
}

static void test_reads_every_kind(void **state)
{
    static const char text[] = "{\"x\":[1,{\"y\":null}],\"name\":\"a\\u00e9\\n\",\"number\":9007199254740991,"
                               "\"since\":{\"1\":101,\"7\":0},\"z\":-1.5e400}";
    struct thing thing;

    (void)state;
    assert_int_equal(read_thing(text, strlen(text), &thing), CBX_OK);
    assert_int_equal(thing.name.len, 4);
    assert_memory_equal(thing.name.bytes, "a\xc3\xa9\n", 5);
    assert_true(thing.number == INT64_C(9007199254740991));
    assert_int_equal(thing.since.len, 2);
    assert_true(thing.since.list[1].key == 7 && thing.since.list[1].value == 0);
    cbx_json_dispose(fields, &thing);
    assert_null(thing.name.bytes);
    assert_true(thing.number == -1);
}

static void test_fields_that_are_not_there(void **state)
{
    struct thing thing;

    (void)state;
    assert_int_equal(read_thing("{}", 2, &thing), CBX_OK);
    assert_null(thing.name.bytes);
    assert_true(thing.number == -1);
    assert_int_equal(thing.since.len, 0);
}

static void test_refuses(void **state)
{
    static const struct {
        const char *text;
        cbx_err_t err;
    } rows[] = {
        {"", CBX_ERR_BAD_JSON},
        {" ", CBX_ERR_BAD_JSON},
        {"{", CBX_ERR_BAD_JSON},
        {"{}x", CBX_ERR_BAD_JSON},
        {"{}{}", CBX_ERR_BAD_JSON},
        {"{\"name\":\"a\",}", CBX_ERR_BAD_JSON},
        {"{'name':1}", CBX_ERR_BAD_JSON},
        {"{\"name\":\"a\nb\"}", CBX_ERR_BAD_JSON},
        {"{\"name\":\"\\x\"}", CBX_ERR_BAD_JSON},
        {"{\"name\":\"\xff\"}", CBX_ERR_BAD_JSON},
        {"{\"name\":\"\xed\xa0\x80\"}", CBX_ERR_BAD_JSON},
        {"{\"name\":\"\xc0\x80\"}", CBX_ERR_BAD_JSON},
        {"{\"a\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}", CBX_ERR_BAD_JSON},
        {"1", CBX_ERR_BAD_FRAME},
        {"null", CBX_ERR_BAD_FRAME},
        {"\"name\"", CBX_ERR_BAD_FRAME},
        {"[]", CBX_ERR_BAD_FRAME},
        {"[{\"name\":\"a\"}]", CBX_ERR_BAD_FRAME},
        {"{\"name\":1}", CBX_ERR_BAD_FRAME},
        {"{\"name\":null}", CBX_ERR_BAD_FRAME},
        {"{\"name\":true}", CBX_ERR_BAD_FRAME},
        {"{\"name\":[]}", CBX_ERR_BAD_FRAME},
        {"{\"name\":{}}", CBX_ERR_BAD_FRAME},
        {"{\"name\":\"a\",\"name\":\"b\"}", CBX_ERR_BAD_FRAME},
        {"{\"name\":\"a\",\"\\u006eame\":\"b\"}", CBX_ERR_BAD_FRAME},
        {"{\"number\":\"1\"}", CBX_ERR_BAD_FRAME},
        {"{\"number\":-1}", CBX_ERR_BAD_FRAME},
        {"{\"number\":-0}", CBX_ERR_BAD_FRAME},
        {"{\"number\":1.0}", CBX_ERR_BAD_FRAME},
        {"{\"number\":1e3}", CBX_ERR_BAD_FRAME},
        {"{\"number\":1e400}", CBX_ERR_BAD_FRAME},
        {"{\"number\":9007199254740992}", CBX_ERR_BAD_FRAME},
        {"{\"number\":99999999999999999999999999}", CBX_ERR_BAD_FRAME},
        {"{\"since\":[]}", CBX_ERR_BAD_FRAME},
        {"{\"since\":7}", CBX_ERR_BAD_FRAME},
        {"{\"since\":{\"1\":\"2\"}}", CBX_ERR_BAD_FRAME},
        {"{\"since\":{\"x\":2}}", CBX_ERR_BAD_FRAME},
        {"{\"since\":{\"01\":2}}", CBX_ERR_BAD_FRAME},
        {"{\"since\":{\"1\":2,\"1\":3}}", CBX_ERR_BAD_FRAME},
        {"{\"since\":{\"1\":{}}}", CBX_ERR_BAD_FRAME},
        {"{\"since\":{\"1\":-2}}", CBX_ERR_BAD_FRAME},
        {"{\"name\":\"a\",\"since\":{\"1\":2},\"number\":\"\"}", CBX_ERR_BAD_FRAME},
    };
    struct thing thing;

    (void)state;
    for (size_t i = 0; i != sizeof(rows) / sizeof(rows[0]); ++i) {
        cbx_err_t err = read_thing(rows[i].text, strlen(rows[i].text), &thing);
        if (err != rows[i].err)
            fail_msg("%s gives %d, not %d", rows[i].text, err, rows[i].err);
        assert_null(thing.name.bytes);
        assert_null(thing.since.list);
    }
}

static void test_cut_at_every_byte(void **state)
{
    static const char text[] = "{\"name\":\"h\\u00e9\xf0\x9f\x98\x80\",\"number\":12,\"since\":{\"1\":2}}";
    struct thing thing;

    (void)state;
    for (size_t len = 0; len != strlen(text); ++len)
        assert_int_equal(read_thing(text, len, &thing), CBX_ERR_BAD_JSON);
}

static void test_nul_is_kept_for_whoever_judges_texts(void **state)
{
    struct thing thing;

    (void)state;
    assert_int_equal(read_thing("{\"name\":\"a\\u0000b\"}", 19, &thing), CBX_OK);
    assert_int_equal(thing.name.len, 3);
    assert_memory_equal(thing.name.bytes, "a\0b", 4);
    cbx_json_dispose(fields, &thing);
}

static void test_pairs_have_a_limit(void **state)
{
    cbx_buf_t buf = {0};
    struct thing thing;
    char pair[64];

    (void)state;
    cbx_buf_puts(&buf, "{\"since\":{");
    for (int i = 0; i != CBX_JSON_PAIRS_MAX + 1; ++i) {
        snprintf(pair, sizeof(pair), "%s\"%d\":%d", i == 0 ? "" : ",", i, i);
        cbx_buf_puts(&buf, pair);
    }
    cbx_buf_puts(&buf, "}}");
    assert_int_equal(read_thing(buf.bytes, buf.len, &thing), CBX_ERR_BAD_FRAME);
    cbx_buf_dispose(&buf);
}

static void test_writes_what_it_reads(void **state)
{
    cbx_json_t *json = cbx_json_create();
    struct thing thing;
    const char *bytes;
    size_t len;

    (void)state;
    for (int round = 0; round != 2; ++round) { /* the buffer is used again */
        cbx_json_begin(json);
        cbx_json_open(json);
        cbx_json_put_string(json, "name", "q\"\\\n\0\x01", 6);
        cbx_json_put_int(json, "number", 42);
        cbx_json_key(json, "raw");
        cbx_json_raw(json, "{\"a\":[true]}", 12);
        cbx_json_put_bool(json, "flag", false);
        cbx_json_close(json);
        bytes = cbx_json_bytes(json, &len);
        assert_int_equal(read_thing(bytes, len, &thing), CBX_OK);
        assert_int_equal(thing.name.len, 6);
        assert_memory_equal(thing.name.bytes, "q\"\\\n\0\x01", 6);
        assert_true(thing.number == 42);
        assert_non_null(memmem(bytes, len, "\"raw\":{\"a\":[true]},\"flag\":false}", 32));
        cbx_json_dispose(fields, &thing);
    }
    cbx_json_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_every_kind),
        cmocka_unit_test(test_fields_that_are_not_there),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_nul_is_kept_for_whoever_judges_texts),
        cmocka_unit_test(test_pairs_have_a_limit),
        cmocka_unit_test(test_writes_what_it_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
