/* test_limits.c -- what counts, for whom, until when; and what is forgotten when there is too much of it. */
#include "unit.h"

#include <pthread.h>

#include "http/limits.h"

#define MINUTE 60000

static cbx_limits_t *limits;

static int set_up(void **state)
{
    (void)state;
    limits = cbx_limits_create(3);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cbx_limits_free(limits);
    return 0;
}

static cbx_address_t v4(unsigned n)
{
    cbx_address_t a = {
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};

    return a;
}

static cbx_address_t v6(const char *text)
{
    cbx_address_t a;

    assert_true(cbx_address_parse(text, strlen(text), &a));
    return a;
}

static double begin(const char *name, cbx_address_t from, int64_t now, cbx_try_t *tried)
{
    return cbx_limits_try(limits, name, &from, now, tried);
}

/* a password, looked at; returns the wait */
static double guess(const char *name, cbx_address_t from, int64_t now, bool wrong)
{
    cbx_try_t tried;
    double wait = begin(name, from, now, &tried);

    if (wait == 0)
        cbx_limits_tried(limits, &tried, wrong, now);
    return wait;
}

static void guesses(unsigned n, const char *name, cbx_address_t from, int64_t now)
{
    while (n-- != 0)
        assert_true(guess(name, from, now, true) == 0);
}

static void test_ten_of_a_name_from_an_address(void **state)
{
    (void)state;
    guesses(CBX_WRONG_PAIR - 1, "ada", v4(1), 1000);
    assert_true(guess("ada", v4(1), 1000, false) == 0); /* a right one does not count */
    assert_true(guess("ADA", v4(1), 2000, true) == 0);  /* the tenth, of the same name */
    assert_true(guess("ada", v4(1), 2000, false) == 59);
    assert_true(guess("Ada", v4(1), 60000, false) == 1);
    assert_true(guess("ada", v4(2), 2000, false) == 0); /* the owner, elsewhere */
    assert_true(guess("bob", v4(1), 2000, false) == 0); /* somebody else, here */
    assert_true(guess("ada", v4(1), 1000 + MINUTE, true) == 0);
    guesses(CBX_WRONG_PAIR - 1, "ada", v4(1), 1001 + MINUTE); /* ... and a new minute has begun */
    assert_true(guess("ada", v4(1), 1001 + MINUTE, true) > 59);
}

static void test_one_address_many_names(void **state)
{
    char name[16];

    (void)state;
    for (int i = 0; i != CBX_WRONG_ADDRESS; ++i) {
        snprintf(name, sizeof(name), "n%d", i);
        guesses(1, name, v4(1), 0);
    }
    assert_true(guess("fresh", v4(1), 0, false) == 60);
    assert_true(guess("fresh", v4(2), 0, false) == 0);
    assert_true(guess("n1", v4(2), 0, false) == 0);
    assert_true(guess("fresh", v4(1), MINUTE, false) == 0);
}

static void test_one_name_many_addresses(void **state)
{
    (void)state;
    for (unsigned i = 0; i != CBX_WRONG_NAME; ++i)
        guesses(1, "ada", v4(i), 0);
    assert_true(guess("ada", v4(5000), 0, false) == 60);
    assert_true(guess("bob", v4(5000), 0, false) == 0);
    assert_true(guess("ada", v4(5000), MINUTE, false) == 0);
}

static void test_ipv6_counts_by_64_bits(void **state)
{
    char text[64];

    (void)state;
    for (int i = 0; i != CBX_WRONG_PAIR; ++i) {
        snprintf(text, sizeof(text), "2001:db8:0:1:%x::1", i);
        guesses(1, "ada", v6(text), 0);
    }
    assert_true(guess("ada", v6("2001:db8:0:1::ffff"), 0, false) == 60);
    assert_true(guess("ada", v6("2001:db8:0:2::ffff"), 0, false) == 0);
}

/* of those that are being looked at no more than may be wrong; when they were right, nothing happened */
static void test_all_at_once(void **state)
{
    cbx_try_t tries[CBX_WRONG_PAIR], more;

    (void)state;
    for (int i = 0; i != CBX_WRONG_PAIR; ++i)
        assert_true(begin("ada", v4(1), 0, &tries[i]) == 0);
    assert_true(begin("ada", v4(1), 0, &more) == 1);
    cbx_limits_tried(limits, &tries[0], false, 0);
    assert_true(begin("ada", v4(1), 0, &tries[0]) == 0);
    for (int i = 0; i != CBX_WRONG_PAIR; ++i)
        cbx_limits_tried(limits, &tries[i], false, 2 * MINUTE); /* however long it took */
    guesses(CBX_WRONG_PAIR, "ada", v4(1), 2 * MINUTE);
    assert_true(begin("ada", v4(1), 2 * MINUTE, &more) == 60);
}

static void test_new_names_by_address(void **state)
{
    cbx_address_t here = v4(1), there = v4(2);

    (void)state;
    for (int i = 0; i != 3; ++i)
        assert_true(cbx_limits_login(limits, &here, 0) == 0);
    assert_true(cbx_limits_login(limits, &here, 15000) == 45);
    assert_true(cbx_limits_login(limits, &there, 0) == 0);
    assert_true(guess("ada", here, 0, true) == 0); /* which is something else */
    assert_true(cbx_limits_login(limits, &here, MINUTE) == 0);
}

static void test_no_limit(void **state)
{
    cbx_limits_t *none = cbx_limits_create(0);
    cbx_address_t here = v4(1);

    (void)state;
    for (int i = 0; i != 1000; ++i)
        assert_true(cbx_limits_login(none, &here, 0) == 0);
    cbx_limits_free(none);
}

/* Four times as many strangers as there are counters try one each: whoever had counted more than one is not
 * forgotten for them. */
static void test_a_flood_drops_who_counted_least(void **state)
{
    cbx_address_t here = v4(1);
    char name[16];

    (void)state;
    guesses(CBX_WRONG_PAIR, "closed", here, 0);
    guesses(2, "twice", here, 0);
    for (unsigned i = 0; i != 4 * 65536; ++i) {
        snprintf(name, sizeof(name), "x%u", i);
        guesses(1, name, v4(i + 1000), 1);
    }
    assert_true(guess("closed", here, 2, false) > 59);
    guesses(CBX_WRONG_PAIR - 2, "twice", here, 2);
    assert_true(guess("twice", here, 2, false) > 59);
}

static void *guess_on(void *arg)
{
    long *allowed = arg;

    for (int i = 0; i != 2000; ++i)
        *allowed += guess("ada", v4(1), 0, true) == 0;
    return NULL;
}

static void test_from_many_threads(void **state)
{
    pthread_t threads[4];
    long allowed[4] = {0};

    (void)state;
    for (int i = 0; i != 4; ++i)
        assert_int_equal(pthread_create(&threads[i], NULL, guess_on, &allowed[i]), 0);
    for (int i = 0; i != 4; ++i)
        pthread_join(threads[i], NULL);
    assert_int_equal(allowed[0] + allowed[1] + allowed[2] + allowed[3], CBX_WRONG_PAIR);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ten_of_a_name_from_an_address),
        TEST(test_one_address_many_names),
        TEST(test_one_name_many_addresses),
        TEST(test_ipv6_counts_by_64_bits),
        TEST(test_all_at_once),
        TEST(test_new_names_by_address),
        TEST(test_no_limit),
        TEST(test_a_flood_drops_who_counted_least),
        TEST(test_from_many_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
