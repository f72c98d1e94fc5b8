/* test_pages.c -- a page that was read before is found at its rev, by its key, and nowhere else. */
#include "unit.h"

#include "http/pages.h"

static const cbx_page_key_t newest = {.room = 1, .kind = 0, .limit = 50};

static bool finds(cbx_pages_t *pages, const cbx_page_key_t *key, int64_t rev, const char *want)
{
    cbx_frame_t *frame = cbx_pages_find(pages, key, rev);
    bool same = frame != NULL && frame->len == strlen(want) && memcmp(frame->bytes, want, frame->len) == 0;

    cbx_frame_unref(frame);
    return same;
}

static void keep(cbx_pages_t *pages, const cbx_page_key_t *key, int64_t rev, const char *text, size_t len)
{
    cbx_frame_t *frame = cbx_frame_copy(text, len);

    cbx_pages_keep(pages, key, rev, frame);
    cbx_frame_unref(frame);
}

static void test_found_at_its_rev_only(void **state)
{
    cbx_pages_t *pages = cbx_pages_create();

    (void)state;
    assert_null(cbx_pages_find(pages, &newest, 0));
    keep(pages, &newest, 7, "seven", 5);
    assert_true(finds(pages, &newest, 7, "seven"));
    assert_null(cbx_pages_find(pages, &newest, 6));
    assert_null(cbx_pages_find(pages, &newest, 8));
    keep(pages, &newest, 8, "eight", 5);
    assert_true(finds(pages, &newest, 8, "eight"));
    assert_null(cbx_pages_find(pages, &newest, 7));
    cbx_pages_free(pages);
}

/* each key that differs in one thing is another page, also where it has the same place */
static void test_found_by_its_key_only(void **state)
{
    cbx_pages_t *pages = cbx_pages_create();

    (void)state;
    for (int64_t n = 0; n != 5000; ++n) {
        const cbx_page_key_t keys[] = {
            {.room = n + 2, .kind = 0, .limit = 50},
            {.room = 1, .kind = 0, .limit = 51 + (int)n % 149},
            {.room = 1, .kind = 1 + (int)n % 3, .id = n, .limit = 50},
        };
        keep(pages, &newest, n, "newest", 6);
        for (size_t i = 0; i != COUNT(keys); ++i)
            assert_null(cbx_pages_find(pages, &keys[i], n));
        keep(pages, &keys[n % 3], n, "other", 5);
        assert_true(finds(pages, &keys[n % 3], n, "other"));
    }
    cbx_pages_free(pages);
}

static void test_long_ones_are_not_kept(void **state)
{
    cbx_pages_t *pages = cbx_pages_create();
    char *text = calloc(1, 65537);

    (void)state;
    memset(text, 'x', 65536);
    keep(pages, &newest, 1, text, 65536);
    assert_true(finds(pages, &newest, 1, text));
    text[65536] = 'x';
    keep(pages, &newest, 2, text, 65537);
    assert_null(cbx_pages_find(pages, &newest, 2));
    free(text);
    cbx_pages_free(pages);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found_at_its_rev_only),
        cmocka_unit_test(test_found_by_its_key_only),
        cmocka_unit_test(test_long_ones_are_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
