/* test_readers.c -- reading beside the writer: on a file and in memory, from several threads, in one state at
 * a time. */
#include "unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/readers.h"

enum { READERS = 3, ROUNDS = 200 };

typedef struct fixture {
    cbx_store_t *store;
    cbx_readers_t *readers;
    char log[128];
    int64_t rev;
    atomic_bool done;
    atomic_int reads;
} fixture_t;

#define OK(call) assert_int_equal((call), CBX_OK)

static int open_at(void **state, const char *path)
{
    fixture_t *f = calloc(1, sizeof(*f));
    char why[256];

    if ((f->store = cbx_store_open(path, false, why, sizeof(why))) == NULL) {
        free(f);
        return -1;
    }
    snprintf(f->log, sizeof(f->log), "%s-wal", path);
    f->readers = cbx_readers_create(f->store, READERS);
    *state = f;
    return 0;
}

static int open_file(void **state)
{
    static int n;
    char name[32];

    snprintf(name, sizeof(name), "readers-%d.db", n++);
    return open_at(state, scratch(name));
}

static int open_memory(void **state)
{
    return open_at(state, ":memory:");
}

static int close_all(void **state)
{
    fixture_t *f = *state;

    cbx_readers_free(f->readers);
    cbx_store_close(f->store);
    free(f);
    return 0;
}

/* one message more, and the room's rev with it, in one transaction */
static void say(fixture_t *f)
{
    char cid[32];
    cbx_message_t m = {
        .room = CBX_GENERAL, .rev = ++f->rev, .username = "ada", .cid = cid, .text = "x", .text_len = 1};
    int64_t id;
    bool dup;

    snprintf(cid, sizeof(cid), "c%d", (int)f->rev);
    OK(cbx_store_begin(f->store));
    OK(cbx_store_insert(f->store, &m, &id, &dup));
    OK(cbx_store_set_rev(f->store, CBX_GENERAL, f->rev));
    OK(cbx_store_commit(f->store));
}

static void on_message(void *arg, const cbx_message_t *m)
{
    *(int64_t *)arg = m->rev;
}

/* the newest message's rev and the room's, read apart */
static void read_both(cbx_store_t *store, int64_t *message_rev, int64_t *room_rev)
{
    bool more;

    *message_rev = 0;
    OK(cbx_store_page(store, CBX_GENERAL, CBX_PAGE_NEWEST, 0, 1, on_message, message_rev, &more));
    OK(cbx_store_room_rev(store, CBX_GENERAL, room_rev));
}

static void readers_see_what_is_committed(void **state)
{
    fixture_t *f = *state;
    cbx_store_t *reader;
    int64_t message, room;

    say(f);
    assert_non_null(reader = cbx_readers_borrow(f->readers));
    read_both(reader, &message, &room);
    assert_int_equal(message, 1);
    assert_int_equal(room, 1);
    assert_string_equal(cbx_store_epoch(reader), cbx_store_epoch(f->store));
    say(f);
    read_both(reader, &message, &room);
    assert_int_equal(message, 2);
    cbx_readers_return(f->readers, reader);
}

static void connections_are_used_again(void **state)
{
    fixture_t *f = *state;
    cbx_store_t *all[READERS], *again;

    for (int i = 0; i < READERS; ++i) {
        assert_non_null(all[i] = cbx_readers_borrow(f->readers));
        for (int j = 0; j < i; ++j)
            assert_ptr_not_equal(all[i], all[j]);
    }
    cbx_readers_return(f->readers, NULL);
    cbx_readers_return(f->readers, all[1]);
    again = cbx_readers_borrow(f->readers);
    assert_ptr_equal(again, all[1]);
    for (int i = 0; i < READERS; ++i)
        cbx_readers_return(f->readers, all[i]);
}

/* on a file a snapshot stays as it was while the writer goes on (in memory the writer would wait for its end)
 */
static void a_snapshot_stands_still(void **state)
{
    fixture_t *f = *state;
    cbx_store_t *reader = cbx_readers_borrow(f->readers);
    int64_t message, room;

    say(f);
    OK(cbx_store_snapshot(reader));
    read_both(reader, &message, &room);
    say(f);
    OK(cbx_store_move_log(f->store, NULL)); /* does not wait for the reader, nor disturb it */
    read_both(reader, &message, &room);
    assert_int_equal(message, 1);
    assert_int_equal(room, 1);
    cbx_store_snapshot_end(reader);
    cbx_store_snapshot_end(reader); /* harmless */
    read_both(reader, &message, &room);
    assert_int_equal(message, 2);
    cbx_readers_return(f->readers, reader);
}

/* a database that went away: no connection, no crash, and the next try counts afresh */
static void a_lost_database_lends_nothing(void **state)
{
    const char *path = scratch("readers-lost.db"), *aside = scratch("readers-aside.db");
    char why[256];
    cbx_store_t *store = cbx_store_open(path, false, why, sizeof(why)), *reader;
    cbx_readers_t *readers;

    (void)state;
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    cbx_log_to(open("/dev/null", O_WRONLY));
    readers = cbx_readers_create(store, 1);
    assert_null(cbx_readers_borrow(readers));
    assert_null(cbx_readers_borrow(readers));
    cbx_log_to(2);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(aside, path), 0);
    assert_non_null(reader = cbx_readers_borrow(readers));
    cbx_readers_return(readers, reader);
    cbx_readers_free(readers);
    cbx_store_close(store);
}

/* who has the file open reads on when it is removed; and never from one that took its place */
static void a_removed_database_is_still_read(void **state)
{
    const char *path = scratch("readers-removed.db"), *other = scratch("readers-other.db");
    char why[256];
    cbx_store_t *store = cbx_store_open(path, false, why, sizeof(why)), *reader;
    cbx_readers_t *readers = cbx_readers_create(store, 1);
    int64_t rev;

    (void)state;
    cbx_store_close(cbx_store_open(other, false, why, sizeof(why)));
    assert_int_equal(rename(other, path), 0);
    assert_non_null(reader = cbx_readers_borrow(readers));
    OK(cbx_store_room_rev(reader, CBX_GENERAL, &rev));
    cbx_readers_return(readers, reader);
    cbx_log_to(open("/dev/null", O_WRONLY));
    assert_null(cbx_store_open_reader(store));
    OK(cbx_store_begin(store));
    OK(cbx_store_set_rev(store, CBX_GENERAL, 5));
    assert_int_equal(cbx_store_commit(store), CBX_ERR_STORAGE_UNAVAILABLE);
    cbx_store_rollback(store);
    assert_int_equal(cbx_store_probe(store), CBX_ERR_STORAGE_UNAVAILABLE);
    cbx_log_to(2);
    cbx_readers_free(readers);
    cbx_store_close(store);
}

static void *borrow_one(void *arg)
{
    fixture_t *f = arg;

    cbx_readers_return(f->readers, cbx_readers_borrow(f->readers));
    atomic_store(&f->done, true);
    return NULL;
}

/* while they are stopped nobody begins, and the log can be emptied; a snapshot that is open is waited for,
 * but not for ever */
static void readers_wait_where_the_log_is_emptied(void **state)
{
    fixture_t *f = *state;
    cbx_store_t *reader = cbx_readers_borrow(f->readers);
    pthread_t late;
    struct stat st;

    OK(cbx_store_snapshot(reader));
    assert_false(cbx_readers_stop(f->readers, cbx_clock_steady() + 60000));
    cbx_readers_go_on(f->readers);
    cbx_store_snapshot_end(reader);
    cbx_readers_return(f->readers, reader);
    say(f);
    assert_int_not_equal(cbx_store_log_pages(f->store), 0);
    assert_true(cbx_readers_stop(f->readers, cbx_clock_steady() + 60000));
    assert_int_equal(pthread_create(&late, NULL, borrow_one, f), 0);
    cbx_store_empty_log(f->store);
    assert_int_equal(cbx_store_log_pages(f->store), 0);
    assert_int_equal(stat(f->log, &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_false(atomic_load(&f->done));
    cbx_readers_go_on(f->readers);
    assert_int_equal(pthread_join(late, NULL), 0);
    assert_true(atomic_load(&f->done));
    assert_true(cbx_readers_stop(f->readers, cbx_clock_steady() + 50)); /* who stops them and forgets */
    cbx_readers_return(f->readers, cbx_readers_borrow(f->readers));
}

static void *read_on(void *arg)
{
    fixture_t *f = arg;
    int64_t message, room, last = 0;

    while (!atomic_load(&f->done)) {
        cbx_store_t *reader = cbx_readers_borrow(f->readers);

        assert_non_null(reader);
        OK(cbx_store_snapshot(reader));
        read_both(reader, &message, &room);
        cbx_store_snapshot_end(reader);
        cbx_readers_return(f->readers, reader);
        assert_int_equal(message, room); /* one state, never half a transaction */
        assert_true(room >= last);
        last = room;
        atomic_fetch_add(&f->reads, 1);
    }
    return NULL;
}

/* until every round is written and every reader had its turns: neither starves the other */
static void many_read_while_one_writes(void **state)
{
    fixture_t *f = *state;
    pthread_t threads[READERS];

    for (int i = 0; i < READERS; ++i)
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, f), 0);
    for (int i = 0; i < ROUNDS; ++i)
        say(f);
    while (atomic_load(&f->reads) < ROUNDS)
        sched_yield();
    atomic_store(&f->done, true);
    for (int i = 0; i < READERS; ++i)
        pthread_join(threads[i], NULL);
    assert_int_equal(f->rev, ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(readers_see_what_is_committed, open_file, close_all),
        cmocka_unit_test_setup_teardown(connections_are_used_again, open_file, close_all),
        cmocka_unit_test_setup_teardown(a_snapshot_stands_still, open_file, close_all),
        cmocka_unit_test(a_lost_database_lends_nothing),
        cmocka_unit_test(a_removed_database_is_still_read),
        cmocka_unit_test_setup_teardown(readers_wait_where_the_log_is_emptied, open_file, close_all),
        cmocka_unit_test_setup_teardown(many_read_while_one_writes, open_file, close_all),
        {"in memory: readers_see_what_is_committed", readers_see_what_is_committed, open_memory, close_all,
         NULL},
        {"in memory: connections_are_used_again", connections_are_used_again, open_memory, close_all, NULL},
        {"in memory: many_read_while_one_writes", many_read_while_one_writes, open_memory, close_all, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, remove_scratch);
}
