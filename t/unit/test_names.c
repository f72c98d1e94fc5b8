/* test_names.c -- the rules for what people type, as tables; UTF-8 against a second opinion, form by form. */
#include "unit.h"

#include "wire/names.h"
#include "wire/types.h"

#define S(text) (text), sizeof(text) - 1

/* writes character `c` in `n` bytes, whether UTF-8 allows that or not */
static size_t write_form(char *at, uint32_t c, size_t n)
{
    static const unsigned char marks[] = {0, 0x00, 0xc0, 0xe0, 0xf0, 0xf8, 0xfc};

    for (size_t i = n; i-- > 1; c >>= 6)
        at[i] = (char)(0x80 | (c & 0x3f));
    at[0] = (char)(marks[n] | c);
    return n;
}

/* the one length that RFC 3629 gives a character; 0: it has none */
static size_t right_len(uint32_t c)
{
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

static void every_character_has_one_form(void **state)
{
    static const uint32_t room[] = {0, 0x80, 0x800, 0x10000, 0x200000, 0x4000000, 0x80000000};
    char bytes[8];

    (void)state;
    for (size_t n = 1; n <= 6; ++n) {
        uint32_t end = room[n] < 0x220000 ? room[n] : 0x220000;

        for (uint32_t c = 0; c < end; ++c) {
            size_t len = write_form(bytes, c, n);

            if (cbx_utf8_valid(bytes, len) != (right_len(c) == n))
                fail_msg("U+%04X in %zu bytes", c, n);
        }
    }
}

/* every pair of bytes, and every cut and spoilt byte of a good text */
static void malformed_text_is_found(void **state)
{
    static const char good[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x41",
                                      "\xe0\x80\x80",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xe2\x82",
                                      "\xf0\x80\x80\x80",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf0\x9f\x98",
                                      "\xf8\x88\x80\x80\x80",
                                      "\xfc\x84\x80\x80\x80\x80",
                                      "\xfe",
                                      "\xff",
                                      "ok\xff"};
    char copy[sizeof(good)];

    (void)state;
    for (size_t i = 0; i < COUNT(bad); ++i)
        assert_false(cbx_utf8_valid(bad[i], strlen(bad[i])));
    for (size_t cut = 0; cut < sizeof(good); ++cut)
        assert_int_equal(cbx_utf8_valid(good, cut),
                         cut == 0 || cut == 1 || cut == 3 || cut == 6 || cut >= 10);
    for (size_t i = 0; i < sizeof(good) - 1; ++i) {
        memcpy(copy, good, sizeof(good));
        copy[i] = (char)0xff;
        assert_false(cbx_utf8_valid(copy, sizeof(good) - 1));
    }
    assert_true(cbx_utf8_valid(NULL, 0));
    assert_true(cbx_utf8_valid("nul\0inside", 10));
}

static void usernames(void **state)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    char name[64];

    (void)state;
    for (int c = 0; c < 256; ++c) {
        name[0] = (char)c;
        assert_int_equal(cbx_username_valid(name, 1), c != 0 && c != '.' && strchr(allowed, c) != NULL);
        memcpy(name, "ab", 2);
        name[2] = (char)c;
        assert_int_equal(cbx_username_valid(name, 3), c != 0 && strchr(allowed, c) != NULL);
    }
    assert_false(cbx_username_valid("..", 2)); /* a path would mean something else by it */
    assert_true(cbx_username_valid("...", 3));
    memset(name, 'x', sizeof(name));
    assert_false(cbx_username_valid(name, 0));
    assert_true(cbx_username_valid(name, CBX_NAME_MAX));
    assert_false(cbx_username_valid(name, CBX_NAME_MAX + 1));
}

static void display_names(void **state)
{
    static const struct {
        const char *name;
        size_t len;
        bool good;
    } rows[] = {
        {S("Ada"), true},
        {S("Ada Lovelace"), true},
        {S("\xc3\x84"
           "da \xf0\x9f\x98\x80"),
         true},
        {S(""), false},
        {S("   "), false},
        {S("\xc2\xa0\xe3\x80\x80"), false},
        {S("\xe3\x80\x80"
           "x"),
         true},
        {S("a\nb"), false},
        {S("a\tb"), false},
        {S("a\0b"), false},
        {S("a\x1b"), false},
        {S("a\x7f"), false},
        {S("a\xc2\x80"), false},
        {S("a\xc2\x9f"), false},
        {S("a\xc2\xa1"), true},
        {S("a\xff"), false},
        {S("a\xc3"), false},
    };
    char name[65 * 4];

    (void)state;
    for (size_t i = 0; i < COUNT(rows); ++i)
        assert_int_equal(cbx_display_name_valid(rows[i].name, rows[i].len), rows[i].good);
    for (size_t i = 0; i < 65; ++i)
        memcpy(name + 4 * i, "\xf0\x9f\x98\x80", 4);
    assert_true(cbx_display_name_valid(name, 64 * 4));
    assert_false(cbx_display_name_valid(name, 65 * 4));
}

static void cids(void **state)
{
    char cid[CBX_CID_MAX + 1];

    (void)state;
    for (int c = 0; c < 256; ++c) {
        cid[0] = (char)c;
        assert_int_equal(cbx_cid_valid(cid, 1), c >= 0x20 && c <= 0x7e);
    }
    memset(cid, 'c', sizeof(cid));
    assert_false(cbx_cid_valid(cid, 0));
    assert_true(cbx_cid_valid(cid, CBX_CID_MAX));
    assert_false(cbx_cid_valid(cid, CBX_CID_MAX + 1));
}

static void texts(void **state)
{
    static const struct {
        const char *text;
        size_t len;
        cbx_err_t err;
    } rows[] = {
        {S("hi"), CBX_OK},
        {S("a\tb\r\nc"), CBX_OK},
        {S("  x  "), CBX_OK},
        {S("\xf0\x9f\x98\x80"), CBX_OK},
        {S("1234567890123456"), CBX_OK},
        {S("12345678901234567"), CBX_ERR_TOO_LONG},
        {S(""), CBX_ERR_EMPTY},
        {S(" \t\r\n"), CBX_ERR_EMPTY},
        {S("\xe2\x80\x83\xe2\x80\xa8"), CBX_ERR_EMPTY},
        {S("a\0b"), CBX_ERR_BAD_FRAME},
        {S("a\bb"), CBX_ERR_BAD_FRAME},
        {S("\x1b[2J"), CBX_ERR_BAD_FRAME},
        {S("\x7f"), CBX_ERR_BAD_FRAME},
        {S("\xc2\x85"), CBX_ERR_BAD_FRAME},
        {S("\xed\xa0\x80"), CBX_ERR_BAD_FRAME},
        {S("ok\xe2\x82"), CBX_ERR_BAD_FRAME},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); ++i)
        assert_int_equal(cbx_text_check(rows[i].text, rows[i].len, 16), rows[i].err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_has_one_form),
        cmocka_unit_test(malformed_text_is_found),
        cmocka_unit_test(usernames),
        cmocka_unit_test(display_names),
        cmocka_unit_test(cids),
        cmocka_unit_test(texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
