/* test_deflate.c -- permessage-deflate (RFC 7692): which offers are taken, and that what is compressed comes
 * back. */
#include "unit.h"

#include "http/extension.h"
#include "wire/deflate.h"

static void test_offers(void **state)
{
    static const struct {
        const char *header;
        bool taken;
    } rows[] = {
        {"permessage-deflate", true},
        {" permessage-deflate ", true},
        {"permessage-deflate; client_max_window_bits", true},
        {"permessage-deflate;client_max_window_bits=8;server_max_window_bits=15", true},
        {"permessage-deflate; client_max_window_bits=\"15\"", true},
        {"permessage-deflate; server_no_context_takeover; client_no_context_takeover", true},
        {"x-webkit-deflate-frame, permessage-deflate", true},
        {"permessage-deflate; server_max_window_bits=10, permessage-deflate", true},
        {"foo; bar=\"a, permessage-deflate; b\", permessage-deflate", true},
        {"", false},
        {"permessage-deflat", false},
        {"Permessage-Deflate", false},
        {"permessage-deflate;", false},
        {"permessage-deflate; ; client_max_window_bits", false},
        {"permessage-deflate; server_max_window_bits", false},
        {"permessage-deflate; server_max_window_bits=10", false},
        {"permessage-deflate; server_max_window_bits=16", false},
        {"permessage-deflate; client_max_window_bits=7", false},
        {"permessage-deflate; client_max_window_bits=16", false},
        {"permessage-deflate; client_max_window_bits=08", false},
        {"permessage-deflate; client_max_window_bits=", false},
        {"permessage-deflate; client_max_window_bits; client_max_window_bits=10", false},
        {"permessage-deflate; server_no_context_takeover=1", false},
        {"permessage-deflate; server_no_context_takeover=", false},
        {"permessage-deflate; server_no_context_takeover; server_no_context_takeover", false},
        {"permessage-deflate; unknown", false},
        {"permessage-bzip2; client_max_window_bits", false},
    };

    (void)state;
    for (size_t i = 0; i != COUNT(rows); ++i)
        if ((cbx_deflate_answer((cbx_slice_t){rows[i].header, strlen(rows[i].header)}) != NULL) !=
            rows[i].taken)
            fail_msg("%s", rows[i].header);
}

/* text of `len` bytes, with repetitions or without */
static char *make_text(size_t len, bool random)
{
    char *text = cbx_alloc(len + 1);

    for (size_t i = 0; i != len; ++i)
        text[i] = (char)(random ? rand() : "deflated "[i % 9]);
    return text;
}

static cbx_frame_t *deflate_text(cbx_deflate_t *deflate, const char *text, size_t len)
{
    cbx_frame_t *plain = cbx_frame_text(text, len), *frame = cbx_deflate_frame(deflate, plain);

    if (frame->bytes[0] == 0x81)
        assert_ptr_equal(frame, plain);
    cbx_frame_unref(plain);
    return frame;
}

static void check_round(cbx_deflate_t *deflate, size_t len, size_t max)
{
    char *text = make_text(len, false);
    cbx_frame_t *frame = deflate_text(deflate, text, len);
    cbx_buf_t back = {NULL, 0, 0};
    size_t payload_len;
    const uint8_t *payload = cbx_frame_payload(frame, &payload_len);

    assert_int_equal(frame->bytes[0], 0xc1); /* FIN, RSV1, text */
    assert_true(payload_len < max);
    assert_int_equal(cbx_inflate(deflate, payload, payload_len, len, &back), CBX_OK);
    assert_int_equal(back.len, len);
    assert_memory_equal(back.bytes, text, len);
    cbx_buf_dispose(&back);
    cbx_frame_unref(frame);
    free(text);
}

static void test_there_and_back(void **state)
{
    (void)state;
    cbx_deflate_t *deflate = cbx_deflate_create();

    for (int round = 0; round != 2; ++round) { /* no message is read with the memory of another */
        check_round(deflate, CBX_DEFLATE_MIN, 60);
        check_round(deflate, 4096, 120);
        check_round(deflate, 70000, 600);
    }
    cbx_deflate_free(deflate);
}

static void test_what_would_not_get_shorter_stays(void **state)
{
    cbx_deflate_t *deflate = cbx_deflate_create();
    char *text = make_text(5000, true);
    const size_t lens[] = {0, 1, CBX_DEFLATE_MIN - 1, CBX_DEFLATE_MIN, 5000};

    (void)state;
    for (size_t i = 0; i != COUNT(lens); ++i) {
        cbx_frame_t *frame = deflate_text(deflate, text, lens[i]);
        assert_int_equal(frame->bytes[0], 0x81);
        cbx_frame_unref(frame);
    }
    free(text);
    cbx_deflate_free(deflate);
}

static cbx_err_t inflate_bytes(const char *bytes, size_t len, size_t limit, const char *want)
{
    cbx_deflate_t *deflate = cbx_deflate_create();
    cbx_buf_t out = {NULL, 0, 0};
    cbx_err_t err = cbx_inflate(deflate, bytes, len, limit, &out);

    if (want != NULL) {
        assert_int_equal(out.len, strlen(want));
        assert_memory_equal(out.bytes, want, out.len);
    }
    cbx_buf_dispose(&out);
    cbx_deflate_free(deflate);
    return err;
}

/* the examples of RFC 7692 section 7.2.3 */
static void test_blocks_of_the_standard(void **state)
{
    (void)state;
    assert_int_equal(inflate_bytes("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 99, "Hello"), CBX_OK);
    assert_int_equal(inflate_bytes("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11, 99, "Hello"), CBX_OK);
    assert_int_equal(inflate_bytes("\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, 99, "Hello"), CBX_OK); /* BFINAL */
    assert_int_equal(inflate_bytes("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13, 99, "Hello"),
                     CBX_OK);
    assert_int_equal(inflate_bytes("\x00", 1, 99, ""), CBX_OK);
}

static void test_bad_messages(void **state)
{
    cbx_deflate_t *deflate = cbx_deflate_create();
    char *zeroes = calloc(1, 1 << 20);
    cbx_frame_t *bomb = deflate_text(deflate, zeroes, 1 << 20);
    size_t len;
    const uint8_t *payload = cbx_frame_payload(bomb, &len);

    (void)state;
    assert_true(len < 5000);
    assert_int_equal(inflate_bytes((const char *)payload, len, 100000, NULL), CBX_ERR_TOO_LARGE);
    assert_int_equal(inflate_bytes("\xff\xff\xff", 3, 99, NULL), CBX_ERR_BAD_FRAME);
    assert_int_equal(inflate_bytes("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, 4, NULL), CBX_ERR_TOO_LARGE);
    free(zeroes);
    cbx_frame_unref(bomb);
    cbx_deflate_free(deflate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offers),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_what_would_not_get_shorter_stays),
        cmocka_unit_test(test_blocks_of_the_standard),
        cmocka_unit_test(test_bad_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
