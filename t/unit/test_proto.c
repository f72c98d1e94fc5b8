/* test_proto.c -- frames of clients, and every frame of the server, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/proto.h"

enum { LIMIT = 8 };

static cbx_err_t parse(const char *text, cbx_request_t *req)
{
    return cbx_request_parse(text, strlen(text), LIMIT, req);
}

static void test_good_frames(void **state)
{
    static const struct {
        const char *text;
        cbx_request_type_t type;
    } rows[] = {
        {"{\"type\":\"hello\"}", CBX_REQ_HELLO},
        {"{\"type\":\"hello\",\"token\":\"t\",\"epoch\":\"8c1f\",\"since\":{\"1\":101,\"7\":4}}",
         CBX_REQ_HELLO},
        {"{\"type\":\"message\",\"room\":1,\"cid\":\"c-1\",\"text\":\"hi\"}", CBX_REQ_MESSAGE},
        {"{\"cid\":\"c-1\",\"text\":\"12345678\",\"x\":{\"y\":[]},\"room\":1,\"type\":\"message\"}",
         CBX_REQ_MESSAGE},
        {"{\"type\":\"edit\",\"cid\":\"c-2\",\"id\":97,\"text\":\"hi!\"}", CBX_REQ_EDIT},
        {"{\"type\":\"delete\",\"cid\":\"c-3\",\"id\":97}", CBX_REQ_DELETE},
        {"{\"type\":\"typing\",\"room\":1}", CBX_REQ_TYPING},
        {"{\"type\":\"read\",\"room\":1,\"id\":97}", CBX_REQ_READ},
        {"{\"type\":\"ping\"}", CBX_REQ_PING},
    };
    cbx_request_t req;

    (void)state;
    for (size_t i = 0; i != sizeof(rows) / sizeof(rows[0]); ++i) {
        if (parse(rows[i].text, &req) != CBX_OK || req.type != rows[i].type)
            fail_msg("%s is refused", rows[i].text);
        cbx_request_dispose(&req);
    }
}

static void test_bad_frames(void **state)
{
    static const struct {
        const char *text;
        cbx_err_t err;
        const char *cid; /* which the error is to name */
    } rows[] = {
        {"hi", CBX_ERR_BAD_JSON, NULL},
        {"{}", CBX_ERR_BAD_FRAME, NULL},
        {"{\"type\":7}", CBX_ERR_BAD_FRAME, NULL},
        {"{\"type\":\"shout\",\"cid\":\"c\"}", CBX_ERR_UNKNOWN_TYPE, "c"},
        {"{\"type\":\"hello\\u0000\"}", CBX_ERR_UNKNOWN_TYPE, NULL},
        {"{\"type\":\"message\",\"room\":1,\"text\":\"hi\"}", CBX_ERR_BAD_FRAME, NULL},
        {"{\"type\":\"message\",\"room\":1,\"cid\":\"\",\"text\":\"hi\"}", CBX_ERR_BAD_FRAME, NULL},
        {"{\"type\":\"message\",\"room\":1,\"cid\":\"a\\nb\",\"text\":\"hi\"}", CBX_ERR_BAD_FRAME, NULL},
        {"{\"type\":\"message\",\"cid\":\"c\",\"text\":\"hi\"}", CBX_ERR_BAD_FRAME, "c"},
        {"{\"type\":\"message\",\"room\":\"1\",\"cid\":\"c\",\"text\":\"hi\"}", CBX_ERR_BAD_FRAME, "c"},
        {"{\"type\":\"message\",\"room\":1,\"cid\":\"c\"}", CBX_ERR_BAD_FRAME, "c"},
        {"{\"type\":\"message\",\"room\":1,\"cid\":\"c\",\"text\":\"\"}", CBX_ERR_EMPTY, "c"},
        {"{\"type\":\"message\",\"room\":1,\"cid\":\"c\",\"text\":\" \\n\"}", CBX_ERR_EMPTY, "c"},
        {"{\"type\":\"message\",\"room\":1,\"cid\":\"c\",\"text\":\"123456789\"}", CBX_ERR_TOO_LONG, "c"},
        {"{\"type\":\"message\",\"room\":1,\"cid\":\"c\",\"text\":\"a\\u0000\"}", CBX_ERR_BAD_FRAME, "c"},
        {"{\"type\":\"message\",\"room\":1,\"cid\":\"c\",\"text\":\"\\u001b[\"}", CBX_ERR_BAD_FRAME, "c"},
        {"{\"type\":\"edit\",\"cid\":\"c\",\"text\":\"hi\"}", CBX_ERR_BAD_FRAME, "c"},
        {"{\"type\":\"delete\",\"cid\":\"c\",\"id\":-1}", CBX_ERR_BAD_FRAME, "c"},
        {"{\"type\":\"typing\"}", CBX_ERR_BAD_FRAME, NULL},
        {"{\"type\":\"read\",\"room\":1}", CBX_ERR_BAD_FRAME, NULL},
    };
    cbx_request_t req;

    (void)state;
    for (size_t i = 0; i != sizeof(rows) / sizeof(rows[0]); ++i) {
        cbx_err_t err = parse(rows[i].text, &req);
        if (err != rows[i].err)
            fail_msg("%s gives %d, not %d", rows[i].text, err, rows[i].err);
        if (rows[i].cid == NULL)
            assert_null(req.cid.bytes);
        else
            assert_string_equal(req.cid.bytes, rows[i].cid);
        cbx_request_dispose(&req);
    }
}

static void written(cbx_json_t *json, const char *expected)
{
    size_t len;
    const char *bytes = cbx_json_bytes(json, &len);

    assert_int_equal(len, strlen(expected));
    assert_memory_equal(bytes, expected, len);
    cbx_json_begin(json);
}

static void test_messages(void **state)
{
    cbx_message_t m = {.id = 97,
                       .room = 1,
                       .rev = 102,
                       .user_id = 3,
                       .timestamp = INT64_C(1790000000000),
                       .username = "bob",
                       .cid = "c-1",
                       .text = "hi \xf0\x9f\x98\x80",
                       .text_len = 7};
    cbx_json_t *json = cbx_json_create();

    (void)state;
    cbx_json_begin(json);
    cbx_put_message(json, &m);
    written(json, "{\"id\":97,\"room\":1,\"username\":\"bob\",\"text\":\"hi "
                  "\xf0\x9f\x98\x80\",\"timestamp\":1790000000000,"
                  "\"edited\":false,\"deleted\":false,\"rev\":102,\"cid\":\"c-1\"}");
    m.edited = 5;
    m.deleted = true;
    cbx_put_message(json, &m);
    written(json, "{\"id\":97,\"room\":1,\"username\":\"bob\",\"timestamp\":1790000000000,"
                  "\"edited\":5,\"deleted\":true,\"rev\":102,\"cid\":\"c-1\"}");
    cbx_put_event(json, "edit", 1, 102, "{}", 2);
    written(json, "{\"type\":\"edit\",\"room\":1,\"rev\":102,\"message\":{}}");
    cbx_json_free(json);
}

static void test_answers(void **state)
{
    const cbx_user_t user = {.id = 3, .username = "ada", .display_name = "Ada", .guest = true};
    cbx_json_t *json = cbx_json_create();

    (void)state;
    cbx_json_begin(json);
    cbx_put_user(json, &user);
    written(json, "{\"id\":3,\"username\":\"ada\",\"display_name\":\"Ada\",\"guest\":true}");
    cbx_put_ack(json, "c-1", 97, 102, 5, false);
    written(json, "{\"type\":\"ack\",\"cid\":\"c-1\",\"id\":97,\"rev\":102,\"timestamp\":5}");
    cbx_put_ack(json, "c-1", 97, 102, 5, true);
    written(json, "{\"type\":\"ack\",\"cid\":\"c-1\",\"id\":97,\"rev\":102,\"timestamp\":5,\"dup\":true}");
    cbx_put_error(json, CBX_ERR_RATE_LIMITED, "c-1", "slowly", 2.5);
    written(json, "{\"type\":\"error\",\"cid\":\"c-1\",\"code\":\"rate_limited\",\"detail\":\"slowly\","
                  "\"retry_after\":2.5}");
    cbx_put_error(json, CBX_ERR_BAD_JSON, NULL, NULL, 0);
    written(json, "{\"type\":\"error\",\"code\":\"bad_json\",\"detail\":\"Not JSON\"}");
    cbx_put_error(json, CBX_ERR_RATE_LIMITED, NULL, "x", 0.01); /* never "0.0": that would say "at once" */
    written(json, "{\"type\":\"error\",\"code\":\"rate_limited\",\"detail\":\"x\",\"retry_after\":0.1}");
    cbx_put_pong(json, 7);
    written(json, "{\"type\":\"pong\",\"now\":7}");
    cbx_put_bye(json, 3120);
    written(json, "{\"type\":\"bye\",\"again_ms\":3120}");
    cbx_json_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_frames),
        cmocka_unit_test(test_bad_frames),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
