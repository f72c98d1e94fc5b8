/* test_frame.c -- the header of a frame at each boundary of its length (RFC 6455 section 5.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/frame.h"

static void check(size_t len, const uint8_t *header, size_t header_len)
{
    char *payload = malloc(len + 1);
    cbx_frame_t *frame;

    memset(payload, 'x', len);
    frame = cbx_frame_text(payload, len);
    assert_int_equal(frame->len, header_len + len);
    assert_memory_equal(frame->bytes, header, header_len);
    assert_memory_equal(frame->bytes + header_len, payload, len);
    cbx_frame_unref(frame);
    free(payload);
}

static void test_headers(void **state)
{
    (void)state;
    check(0, (const uint8_t[]){0x81, 0}, 2);
    check(125, (const uint8_t[]){0x81, 125}, 2);
    check(126, (const uint8_t[]){0x81, 126, 0, 126}, 4);
    check(65535, (const uint8_t[]){0x81, 126, 0xff, 0xff}, 4);
    check(65536, (const uint8_t[]){0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}, 10);
}

static void test_references(void **state)
{
    cbx_frame_t *frame = cbx_frame_alloc(3);

    (void)state;
    assert_ptr_equal(cbx_frame_ref(frame), frame);
    cbx_frame_unref(frame);
    memcpy(frame->bytes, "abc", 3); /* still there */
    cbx_frame_unref(frame);         /* ... and now freed: the leak check sees to it */
    cbx_frame_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_headers), cmocka_unit_test(test_references)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
