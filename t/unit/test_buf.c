/* test_buf.c -- bytes that grow. */
#include "unit.h"

#include "base/buf.h"

static void an_empty_one_is_zero(void **state)
{
    cbx_buf_t buf = {NULL, 0, 0};

    (void)state;
    cbx_buf_append(&buf, "", 0);
    cbx_buf_append(&buf, NULL, 0);
    assert_int_equal(buf.len, 0);
    cbx_buf_dispose(&buf);
    cbx_buf_dispose(&buf);
    assert_null(buf.bytes);
}

static void it_grows_and_keeps_what_it_has(void **state)
{
    cbx_buf_t buf = {NULL, 0, 0};

    (void)state;
    for (int i = 0; i < 10000; ++i)
        cbx_buf_puts(&buf, i % 2 == 0 ? "a" : "bcd");
    assert_int_equal(buf.len, 20000);
    assert_true(buf.cap >= buf.len);
    for (size_t i = 0; i < buf.len; i += 4)
        assert_memory_equal(buf.bytes + i, "abcd", 4);
    cbx_buf_dispose(&buf);
}

static void room_is_reserved_behind_the_end(void **state)
{
    static const size_t sizes[] = {0, 1, 255, 256, 257, 5000, 100000};

    (void)state;
    for (size_t i = 0; i < COUNT(sizes); ++i) {
        cbx_buf_t buf = {NULL, 0, 0};
        char *room;

        cbx_buf_puts(&buf, "xy");
        room = cbx_buf_reserve(&buf, sizes[i]);
        assert_ptr_equal(room, buf.bytes + 2);
        assert_int_equal(buf.len, 2);
        assert_true(buf.cap >= 2 + sizes[i]);
        memset(room, 'z', sizes[i]);
        assert_memory_equal(buf.bytes, "xy", 2);
        cbx_buf_dispose(&buf);
    }
}

static void copies_are_terminated(void **state)
{
    char *copy = cbx_memdup("a\0b", 3), *text = cbx_strdup("hello"), *nothing = cbx_memdup(NULL, 0);
    unsigned char *zeroes = cbx_zalloc(64);

    (void)state;
    assert_memory_equal(copy, "a\0b", 4);
    assert_string_equal(text, "hello");
    assert_string_equal(nothing, "");
    for (int i = 0; i < 64; ++i)
        assert_int_equal(zeroes[i], 0);
    text = cbx_realloc(text, 1000);
    assert_string_equal(text, "hello");
    free(copy);
    free(text);
    free(nothing);
    free(zeroes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one_is_zero),
        cmocka_unit_test(it_grows_and_keeps_what_it_has),
        cmocka_unit_test(room_is_reserved_behind_the_end),
        cmocka_unit_test(copies_are_terminated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
