/* test_person.c -- the allowance of messages, against the clock. */
#include "unit.h"

#include "chat/person.h"

static void test_burst_then_rate(void **state)
{
    cbx_person_t person = {.allowance = 4};

    (void)state;
    for (int i = 0; i != 4; ++i)
        assert_true(cbx_person_spend(&person, 2, 4, 0) == 0);
    assert_true(cbx_person_spend(&person, 2, 4, 0) == 0.5);
    assert_true(cbx_person_spend(&person, 2, 4, 250) == 0.25);
    assert_true(cbx_person_spend(&person, 2, 4, 500) == 0);
    assert_true(cbx_person_spend(&person, 2, 4, 500) > 0);
}

static void test_allowance_is_never_more_than_the_burst(void **state)
{
    cbx_person_t person = {.allowance = 0};
    int sent = 0;

    (void)state;
    while (cbx_person_spend(&person, 2, 4, 1000000) == 0)
        ++sent;
    assert_int_equal(sent, 4);
}

static void test_rate_0_is_no_limit(void **state)
{
    cbx_person_t person = {.allowance = 0};

    (void)state;
    for (int i = 0; i != 1000; ++i)
        assert_true(cbx_person_spend(&person, 0, 1, 0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_then_rate),
        cmocka_unit_test(test_allowance_is_never_more_than_the_burst),
        cmocka_unit_test(test_rate_0_is_no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
