/* test_parse.c -- http/parse.c: what stands in the strings of a request, good and bad. */
#include "unit.h"

#include "http/parse.h"

static cbx_slice_t slice(const char *text)
{
    return (cbx_slice_t){text, strlen(text)};
}

static void assert_slice(cbx_slice_t have, const char *want)
{
    if (want == NULL) {
        assert_null(have.base);
        return;
    }
    assert_non_null(have.base);
    assert_int_equal(have.len, strlen(want));
    assert_memory_equal(have.base, want, have.len);
}

static void test_whole(void **state)
{
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      "01",
                                      "1 ",
                                      " 1",
                                      "1.0",
                                      "1e3",
                                      "0x1",
                                      "a",
                                      "1a",
                                      "9007199254740992",
                                      "99999999999999999999"};
    int64_t value = -7;

    (void)state;
    for (size_t i = 0; i != COUNT(bad); ++i)
        assert_false(cbx_whole_parse(slice(bad[i]), &value));
    assert_int_equal(value, -7);
    assert_true(cbx_whole_parse(slice("0"), &value));
    assert_int_equal(value, 0);
    assert_true(cbx_whole_parse(slice("9007199254740991"), &value));
    assert_int_equal(value, INT64_C(9007199254740991));
}

static void test_path(void **state)
{
    static const struct {
        const char *pattern, *path;
        int64_t room; /* -1: does not match */
    } rows[] = {
        {"/api/me", "/api/me", 0},
        {"/api/me", "/api/me/", -1},
        {"/api/me", "/api/m", -1},
        {"/api/me", "/api/mee", -1},
        {"/api/me", "/api/ME", -1},
        {"/api/me", "", -1},
        {"/api/rooms/{room}/messages", "/api/rooms/1/messages", 1},
        {"/api/rooms/{room}/messages", "/api/rooms/9007199254740991/messages", INT64_C(9007199254740991)},
        {"/api/rooms/{room}/messages", "/api/rooms/9007199254740992/messages", -1},
        {"/api/rooms/{room}/messages", "/api/rooms/01/messages", -1},
        {"/api/rooms/{room}/messages", "/api/rooms/x/messages", -1},
        {"/api/rooms/{room}/messages", "/api/rooms//messages", -1},
        {"/api/rooms/{room}/messages", "/api/rooms/1/message", -1},
        {"/api/rooms/{room}/messages", "/api/rooms/1/messages/", -1},
        {"/api/rooms/{room}/messages", "/api/rooms/1/2/messages", -1},
        {"/api/rooms/{room}/messages", "/api/rooms/1", -1},
        {"/api/rooms/{room}/messages", "/api/rooms/", -1},
        {"/api/rooms/{room}", "/api/rooms/12", 12},
        {"/api/rooms/{room}", "/api/rooms/12/", -1},
        {"/api/rooms/{room}", "/api/rooms", -1},
        {"/api/rooms", "/api/rooms/12", -1},
        {"/api/rooms", "/api//rooms", -1},
        {"/api/rooms", "api/rooms", -1},
    };

    (void)state;
    for (size_t i = 0; i != COUNT(rows); ++i) {
        cbx_path_args_t args = {0};
        assert_int_equal(cbx_path_matches(rows[i].pattern, slice(rows[i].path), &args), rows[i].room != -1);
        if (rows[i].room != -1)
            assert_int_equal(args.room, rows[i].room);
    }
}

static void test_path_with_name(void **state)
{
    static const struct {
        const char *path;
        int64_t room; /* -1: does not match */
        const char *username;
    } rows[] = {
        {"/api/rooms/7/members/ada", 7, "ada"},
        {"/api/rooms/7/members/A.d_a-9", 7, "A.d_a-9"},
        {"/api/rooms/7/members/x2345678901234567890123456789012", 7, "x2345678901234567890123456789012"},
        {"/api/rooms/7/members/x23456789012345678901234567890123", -1, NULL},
        {"/api/rooms/7/members/", -1, NULL},
        {"/api/rooms/7/members", -1, NULL},
        {"/api/rooms/7/members/ada/", -1, NULL},
        {"/api/rooms/7/members/a/b", -1, NULL},
        {"/api/rooms/7/members/a b", -1, NULL},
        {"/api/rooms/7/members/%61da", -1, NULL},
        {"/api/rooms/7/members/\xc3\xa4", -1, NULL},
        {"/api/rooms/ada/members/ada", -1, NULL},
        {"/api/rooms//members/ada", -1, NULL},
        {"/api/rooms/7/member/ada", -1, NULL},
    };

    (void)state;
    for (size_t i = 0; i != COUNT(rows); ++i) {
        cbx_path_args_t args = {0};
        assert_int_equal(cbx_path_matches("/api/rooms/{room}/members/{username}", slice(rows[i].path), &args),
                         rows[i].room != -1);
        if (rows[i].room == -1)
            continue;
        assert_int_equal(args.room, rows[i].room);
        assert_slice(args.username, rows[i].username);
    }
    assert_false(cbx_path_matches("/{username}", (cbx_slice_t){"/a\0b", 4}, &(cbx_path_args_t){0}));
}

static void test_query(void **state)
{
    static const struct {
        const char *query;
        cbx_err_t err;
        int64_t before, limit;
    } rows[] = {
        {"", CBX_OK, -1, -1},
        {"limit=5", CBX_OK, -1, 5},
        {"before=0&limit=200", CBX_OK, 0, 200},
        {"limit=5&other=x&before=7", CBX_OK, 7, 5},
        {"&&limit=5&", CBX_OK, -1, 5},
        {"limits=x", CBX_OK, -1, -1},
        {"limit", CBX_ERR_BAD_FRAME, 0, 0},
        {"limit=", CBX_ERR_BAD_FRAME, 0, 0},
        {"limit=-1", CBX_ERR_BAD_FRAME, 0, 0},
        {"limit=5%30", CBX_ERR_BAD_FRAME, 0, 0},
        {"limit=5=6", CBX_ERR_BAD_FRAME, 0, 0},
        {"limit=5&limit=5", CBX_ERR_BAD_FRAME, 0, 0},
        {"limit=0&limit=5", CBX_ERR_BAD_FRAME, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i != COUNT(rows); ++i) {
        int64_t before = 99, limit = 99;
        const cbx_parameter_t parameters[] = {{"before", &before}, {"limit", &limit}, {NULL, NULL}};
        assert_int_equal(cbx_query_read(slice(rows[i].query), parameters), rows[i].err);
        if (rows[i].err != CBX_OK)
            continue;
        assert_int_equal(before, rows[i].before);
        assert_int_equal(limit, rows[i].limit);
    }
}

static void test_query_text(void **state)
{
    static const struct {
        const char *query, *text;
        cbx_err_t err;
    } rows[] = {
        {"", NULL, CBX_OK},
        {"limit=5", NULL, CBX_OK},
        {"after=ada", "ada", CBX_OK},
        {"limit=5&after=ada&online=1", "ada", CBX_OK},
        {"after=", "", CBX_OK},
        {"after", "", CBX_OK},
        {"after=a=b", "a=b", CBX_OK},
        {"after=%61", "%61", CBX_OK},
        {"afters=ada", NULL, CBX_OK},
        {"after=ada&after=ada", NULL, CBX_ERR_BAD_FRAME},
        {"after=&after=ada", NULL, CBX_ERR_BAD_FRAME},
    };
    cbx_slice_t text;

    (void)state;
    for (size_t i = 0; i != COUNT(rows); ++i) {
        assert_int_equal(cbx_query_text(slice(rows[i].query), "after", &text), rows[i].err);
        if (rows[i].err == CBX_OK)
            assert_slice(text, rows[i].text);
    }
}

static void test_cookie(void **state)
{
    static const struct {
        const char *header, *value;
    } rows[] = {
        {"t=abc", "abc"},
        {"a=1; t=abc; b=2", "abc"},
        {"a=1;t=abc", "abc"},
        {" t = abc ", "abc"},
        {"t=\"abc\"", "abc"},
        {"t=a=b=", "a=b="},
        {"t=first; t=second", "first"},
        {"t=", ""},
        {"t", ""},
        {"tt=1; xt=2; T=3", NULL},
        {"a=t=1", NULL},
        {"", NULL},
        {";;;", NULL},
    };

    (void)state;
    for (size_t i = 0; i != COUNT(rows); ++i)
        assert_slice(cbx_cookie_find(slice(rows[i].header), "t"), rows[i].value);
}

static void test_bearer(void **state)
{
    static const struct {
        const char *header, *value;
    } rows[] = {
        {"Bearer a.b.c", "a.b.c"},
        {"bearer a.b.c", "a.b.c"},
        {"  Bearer   a.b.c ", "a.b.c"},
        {"Bearer", ""},
        {"Bearera.b.c", NULL},
        {"Basic YTpi", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i != COUNT(rows); ++i)
        assert_slice(cbx_bearer_find(slice(rows[i].header)), rows[i].value);
}

static void test_list(void **state)
{
    (void)state;
    assert_true(cbx_list_has(slice("chatterbox.v1"), "chatterbox.v1"));
    assert_true(cbx_list_has(slice("a,\tchatterbox.v1 , b"), "chatterbox.v1"));
    assert_false(cbx_list_has(slice("chatterbox.v10, xchatterbox.v1"), "chatterbox.v1"));
    assert_false(cbx_list_has(slice("Chatterbox.v1"), "chatterbox.v1"));
    assert_false(cbx_list_has(slice(",,"), "chatterbox.v1"));
    assert_false(cbx_list_has(slice(""), "chatterbox.v1"));
}

static void test_own_origin(void **state)
{
    static const struct {
        const char *origin;
        bool tls;
        const char *host;
        bool own;
    } rows[] = {
        {"http://chat.example", false, "chat.example", true},
        {"http://chat.example:8080", false, "chat.example:8080", true},
        {"HTTP://Chat.Example", false, "chat.EXAMPLE", true},
        {"http://chat.example", false, "chat.example:80", true},
        {"https://chat.example", true, "chat.example:443", true},
        {"https://[::1]:8443", true, "[::1]:8443", true},
        {"http://[::1]", false, "[::1]:80", true},
        {"http://chat.example:8080:80", false, "chat.example:8080", false},
        {"http://[::1]:8443:80", false, "[::1]:8443", false},
        {"https://chat.example", false, "chat.example", false},
        {"http://chat.example", true, "chat.example", false},
        {"http://chat.example", false, "chat.example:8080", false},
        {"http://chat.example:8080", false, "chat.example", false},
        {"http://chat.example.evil", false, "chat.example", false},
        {"http://evil.chat.example", false, "chat.example", false},
        {"http://chat.example/", false, "chat.example", false},
        {"http://user@chat.example", false, "chat.example", false},
        {"null", false, "chat.example", false},
        {"http://", false, "", false},
        {"", false, "chat.example", false},
        {"", false, "", false},
    };

    (void)state;
    for (size_t i = 0; i != COUNT(rows); ++i)
        assert_int_equal(cbx_origin_is_own(slice(rows[i].origin), rows[i].tls, slice(rows[i].host)),
                         rows[i].own);
}

static void test_allowed_origin(void **state)
{
    static char one[] = "https://a.example", two[] = "http://b.example:81";
    char *const allowed[] = {one, two, NULL}, *const none[] = {NULL};

    (void)state;
    assert_true(cbx_origin_is_allowed(slice("https://a.example"), allowed));
    assert_true(cbx_origin_is_allowed(slice("http://B.example:81"), allowed));
    assert_false(cbx_origin_is_allowed(slice("http://a.example"), allowed));
    assert_false(cbx_origin_is_allowed(slice("http://b.example:8"), allowed));
    assert_false(cbx_origin_is_allowed(slice("https://a.example"), none));
    assert_false(cbx_origin_is_allowed(slice("https://a.example"), NULL));
}

static void test_websocket_key(void **state)
{
    (void)state;
    assert_true(cbx_websocket_key_valid(slice("dGhlIHNhbXBsZSBub25jZQ==")));
    assert_false(cbx_websocket_key_valid(slice("dGhlIHNhbXBsZSBub25jZQ=")));
    assert_false(cbx_websocket_key_valid(slice("dGhlIHNhbXBsZSBub25jZQ===")));
    assert_false(cbx_websocket_key_valid(slice("dGhlIHNhbXBsZSBub25jZQAA")));
    assert_false(cbx_websocket_key_valid(slice("dGhlIHNhbXBs=SBub25jZQ==")));
    assert_false(cbx_websocket_key_valid(slice("dGhlIHNhbXBs SBub25jZQ==")));
    assert_false(cbx_websocket_key_valid(slice("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),          cmocka_unit_test(test_path),
        cmocka_unit_test(test_path_with_name), cmocka_unit_test(test_query),
        cmocka_unit_test(test_query_text),     cmocka_unit_test(test_cookie),
        cmocka_unit_test(test_bearer),         cmocka_unit_test(test_list),
        cmocka_unit_test(test_own_origin),     cmocka_unit_test(test_allowed_origin),
        cmocka_unit_test(test_websocket_key),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
