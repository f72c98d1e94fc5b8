/* test_person.c -- the allowance of messages, against the clock. */
#include "unit.h"

#include "base/buf.h"
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

/* -- who is online -- */

static cbx_person_t *add_person(cbx_people_t *people, int64_t id)
{
    cbx_person_t *person = cbx_zalloc(sizeof(*person));

    person->user.id = id;
    HASH_ADD(hh, people->persons, user.id, sizeof(person->user.id), person);
    return person;
}

static void sit(cbx_people_t *people, cbx_person_t *person, uint64_t session)
{
    cbx_people_sit(people, person, session, "0123456789abcdef0123456789abcdef");
}

static void test_two_tabs_are_one_user(void **state)
{
    cbx_people_t people = {0};
    cbx_person_t *ada = add_person(&people, 1);

    (void)state;
    sit(&people, ada, 10);
    sit(&people, ada, 11);
    assert_int_equal(people.online, 1);
    assert_ptr_equal(cbx_people_next_came(&people), ada);
    assert_null(cbx_people_next_came(&people));
    assert_null(cbx_people_stand(&people, 10, 100));
    assert_null(cbx_people_next_left(&people, 5000, 99999));
    assert_ptr_equal(cbx_people_stand(&people, 11, 100), ada);
    assert_null(cbx_people_stand(&people, 11, 100));
    cbx_people_dispose(&people);
}

static void test_a_reload_is_no_leaving(void **state)
{
    cbx_people_t people = {0};
    cbx_person_t *ada = add_person(&people, 1), *bob = add_person(&people, 2);

    (void)state;
    sit(&people, ada, 10);
    sit(&people, bob, 20);
    while (cbx_people_next_came(&people) != NULL)
        ;
    cbx_people_stand(&people, 10, 1000);
    cbx_people_stand(&people, 20, 1500);
    sit(&people, ada, 11); /* back within the grace: nobody hears of it */
    assert_null(cbx_people_next_came(&people));
    assert_null(cbx_people_next_left(&people, 5000, 6400));
    assert_ptr_equal(cbx_people_next_left(&people, 5000, 6500), bob);
    assert_int_equal(people.online, 1);
    assert_null(cbx_people_next_left(&people, 5000, 99999));
    cbx_people_dispose(&people);
}

static void test_who_goes_again_waits_again_and_holds_up_nobody(void **state)
{
    cbx_people_t people = {0};
    cbx_person_t *ada = add_person(&people, 1), *bob = add_person(&people, 2);

    (void)state;
    sit(&people, ada, 10);
    sit(&people, bob, 20);
    cbx_people_stand(&people, 10, 1000);
    cbx_people_stand(&people, 20, 1001);
    sit(&people, ada, 11);
    cbx_people_stand(&people, 11, 5000);
    assert_ptr_equal(cbx_people_next_left(&people, 5000, 6001), bob);
    assert_null(cbx_people_next_left(&people, 5000, 9999));
    assert_ptr_equal(cbx_people_next_left(&people, 5000, 10000), ada);
    assert_int_equal(people.online, 0);
    cbx_people_dispose(&people);
}

static void test_a_sweep_keeps_who_may_come_back(void **state)
{
    cbx_people_t people = {0};
    cbx_person_t *ada = add_person(&people, 1);

    (void)state;
    sit(&people, ada, 10);
    cbx_people_stand(&people, 10, 1000);
    cbx_people_sweep(&people, 0, 1, 2000);
    assert_ptr_equal(cbx_people_find(&people, 1), ada);
    assert_ptr_equal(cbx_people_next_came(&people), ada);
    assert_ptr_equal(cbx_people_next_left(&people, 5000, 6000), ada);
    cbx_people_sweep(&people, 0, 1, 7000);
    assert_null(cbx_people_find(&people, 1));
    cbx_people_dispose(&people);
}

static void test_rooms_of_a_person(void **state)
{
    cbx_person_t person = {0};

    (void)state;
    for (int64_t room = 5; room != 0; --room)
        cbx_person_join(&person, &(cbx_membership_t){.room = room, .read_id = room * 10});
    cbx_person_join(&person, &(cbx_membership_t){.room = 3, .read_id = 99}); /* is in it already */
    assert_int_equal(person.rooms_len, 5);
    assert_int_equal(cbx_person_in_room(&person, 3)->read_id, 30);
    cbx_person_leave(&person, 3);
    cbx_person_leave(&person, 3);
    assert_null(cbx_person_in_room(&person, 3));
    assert_int_equal(person.rooms_len, 4);
    assert_int_equal(cbx_person_in_room(&person, 5)->read_id, 50);
    free(person.rooms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_tabs_are_one_user),
        cmocka_unit_test(test_a_reload_is_no_leaving),
        cmocka_unit_test(test_who_goes_again_waits_again_and_holds_up_nobody),
        cmocka_unit_test(test_a_sweep_keeps_who_may_come_back),
        cmocka_unit_test(test_rooms_of_a_person),
        cmocka_unit_test(test_burst_then_rate),
        cmocka_unit_test(test_allowance_is_never_more_than_the_burst),
        cmocka_unit_test(test_rate_0_is_no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
