/* test_room.c -- a room's memory against a plain model: whoever says what he has gets exactly what he missed.
 */
#include "unit.h"

#include <stdio.h>

#include "base/buf.h"
#include "chat/room.h"

static cbx_json_t *json;

static cbx_room_t *new_room(void)
{
    const cbx_store_room_t row = {.id = 1, .name = "general", .topic = ""};
    cbx_room_t *room = cbx_room_new(&row);

    room->entries = cbx_alloc(sizeof(*room->entries) * (CBX_ROOM_MEMORY + CBX_ROOM_LATE));
    room->late = room->entries + CBX_ROOM_MEMORY;
    room->loaded = true;
    return room;
}

static cbx_entry_t *entry(int64_t id, int64_t rev)
{
    const cbx_message_t m = {.id = id,
                             .room = 1,
                             .rev = rev,
                             .timestamp = 1,
                             .username = "ada",
                             .cid = "c",
                             .text = "x",
                             .text_len = 1};

    return cbx_entry_new(json, &m);
}

/* the ids that a history tells, as text: "3 4 5" */
static const char *told(cbx_room_t *room, int64_t since, const cbx_fetched_t *fetched, char *out, size_t size)
{
    const char *bytes, *at;
    size_t len, n = 0;
    char *copy;

    cbx_json_begin(json);
    cbx_room_put_history(room, json, since, fetched, false);
    bytes = cbx_json_bytes(json, &len);
    copy = cbx_memdup(bytes, len);
    out[0] = '\0';
    for (at = copy; (at = strstr(at, "{\"id\":")) != NULL; ++at)
        n += (size_t)snprintf(out + n, size - n, n == 0 ? "%ld" : " %ld", atol(at + 6));
    free(copy);
    return out;
}

enum { ALL = CBX_ROOM_MEMORY + CBX_ROOM_LATE }; /* that memory keeps where nothing is edited */

static void test_newest_page(void **state)
{
    cbx_room_t *room = new_room();
    char out[4096];

    (void)state;
    assert_string_equal(told(room, -1, NULL, out, sizeof(out)), "");
    for (int64_t i = 1; i <= 3; ++i)
        cbx_room_put(room, entry(i, i));
    assert_string_equal(told(room, -1, NULL, out, sizeof(out)), "1 2 3");
    assert_false(room->older);
    for (int64_t i = 4; i <= CBX_ROOM_MEMORY + 10; ++i)
        cbx_room_put(room, entry(i, i));
    told(room, -1, NULL, out, sizeof(out));
    assert_memory_equal(out, "61 62 ", 6);
    assert_true(room->older);
    assert_int_equal(room->floor_rev, 0); /* the 10 before are kept, too, as they changed lately */
    cbx_room_free(room);
}

static void test_changes_in_the_order_of_rev(void **state)
{
    cbx_room_t *room = new_room();
    char out[256];

    (void)state;
    for (int64_t i = 1; i <= 4; ++i)
        cbx_room_put(room, entry(i, i));
    cbx_room_put(room, entry(2, 5));
    cbx_room_put(room, entry(5, 6));
    cbx_room_put(room, entry(1, 7));
    assert_string_equal(told(room, 0, NULL, out, sizeof(out)), "3 4 2 5 1");
    assert_string_equal(told(room, 4, NULL, out, sizeof(out)), "2 5 1");
    assert_string_equal(told(room, 6, NULL, out, sizeof(out)), "1");
    assert_string_equal(told(room, 7, NULL, out, sizeof(out)), "");
    cbx_room_free(room);
}

static void test_floor_rises_with_what_memory_lets_go(void **state)
{
    cbx_room_t *room = new_room();

    (void)state;
    for (int64_t i = 1; i <= ALL; ++i)
        cbx_room_put(room, entry(i, i));
    assert_true(cbx_room_remembers(room, 0));
    cbx_room_put(room, entry(ALL + 1, ALL + 1));
    assert_false(cbx_room_remembers(room, 0));
    assert_true(cbx_room_remembers(room, 1));
    cbx_room_free(room);
}

static void test_old_messages_that_changed_are_remembered(void **state)
{
    cbx_room_t *room = new_room();
    char out[256];

    (void)state;
    for (int64_t i = 1; i <= ALL + 50; ++i)
        cbx_room_put(room, entry(i, i));
    assert_int_equal(room->floor_rev, 50);
    cbx_room_put(room, entry(3, 251));   /* not in memory, which loses 51 for it, */
    cbx_room_put(room, entry(3, 252));   /* ... in memory now, */
    cbx_room_put(room, entry(120, 253)); /* ... and so was this one */
    assert_int_equal(room->floor_rev, 51);
    assert_string_equal(told(room, 249, NULL, out, sizeof(out)), "250 3 120");
    cbx_room_put(room, entry(251, 254)); /* pushes 151, which is said last among the older ones */
    assert_string_equal(told(room, 249, NULL, out, sizeof(out)), "250 3 120 251");
    assert_int_equal(room->floor_rev, 52);
    cbx_room_free(room);
}

static void test_fetched_then_memory_without_a_double(void **state)
{
    cbx_room_t *room = new_room();
    cbx_entry_t *list[] = {entry(1, 3), entry(7, 8)};
    const cbx_fetched_t fetched = {.room = 1, .upto = 8, .messages = list, .len = 2};
    char out[256];

    (void)state;
    room->last_id = 6; /* so that 7 is new */
    room->rev = 7;
    cbx_room_put(room, entry(7, 8));
    cbx_room_put(room, entry(8, 9));
    cbx_room_put(room, entry(7, 10)); /* changed after the reader had read */
    assert_string_equal(told(room, fetched.upto, &fetched, out, sizeof(out)), "1 8 7");
    free(list[0]);
    free(list[1]);
    cbx_room_free(room);
}

static int set_up(void **state)
{
    (void)state;
    json = cbx_json_create();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    cbx_json_free(json);
    return 0;
}

/* a transaction that failed may have raised it above the rev, to which who has seen all of it comes back */
static void test_what_is_forgotten_has_no_floor(void **state)
{
    cbx_room_t *room = new_room();

    (void)state;
    room->floor_rev = 9;
    cbx_room_forget(room);
    assert_true(cbx_room_remembers(room, 8));
    cbx_room_free(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_forgotten_has_no_floor),
        cmocka_unit_test(test_newest_page),
        cmocka_unit_test(test_changes_in_the_order_of_rev),
        cmocka_unit_test(test_floor_rises_with_what_memory_lets_go),
        cmocka_unit_test(test_old_messages_that_changed_are_remembered),
        cmocka_unit_test(test_fetched_then_memory_without_a_double),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
