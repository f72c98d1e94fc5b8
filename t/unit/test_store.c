/* test_store.c -- what the core and the readers ask of a database, once on a file and once in memory where
 * both matter. */
#include "unit.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/log.h"
#include "store/store.h"

#define S(text) (text), sizeof(text) - 1
#define JTI(c) c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c c

static char why[512];

static cbx_store_t *open_at(const char *path)
{
    cbx_store_t *store = cbx_store_open(path, true, why, sizeof(why));

    if (store == NULL)
        fail_msg("%s", why);
    return store;
}

static int open_memory(void **state)
{
    *state = open_at(":memory:");
    return 0;
}

static int close_store(void **state)
{
    cbx_store_close(*state);
    return 0;
}

#define OK(call) assert_int_equal((call), CBX_OK)

static int64_t add_user(cbx_store_t *store, const char *name)
{
    cbx_user_t user = {.id = 0};

    snprintf(user.username, sizeof(user.username), "%s", name);
    snprintf(user.display_name, sizeof(user.display_name), "The %s", name);
    OK(cbx_store_begin(store));
    OK(cbx_store_add_user(store, &user, NULL, 1000));
    OK(cbx_store_commit(store));
    return user.id;
}

static cbx_err_t insert(cbx_store_t *store, int64_t user, const char *cid, const char *text, int64_t rev,
                        int64_t *id, bool *dup)
{
    cbx_message_t m = {.room = CBX_GENERAL,
                       .rev = rev,
                       .user_id = user,
                       .timestamp = 1790000000000,
                       .username = "ada",
                       .cid = cid,
                       .text = text,
                       .text_len = strlen(text)};

    return cbx_store_insert(store, &m, id, dup);
}

/* says "m1", "m2", ... with revs and ids of the same number, in one transaction */
static void say_many(cbx_store_t *store, int64_t user, int n)
{
    char text[32];
    int64_t id;
    bool dup;

    OK(cbx_store_begin(store));
    for (int i = 1; i <= n; ++i) {
        snprintf(text, sizeof(text), "m%d", i);
        OK(insert(store, user, text, text, i, &id, &dup));
        assert_int_equal(id, i);
        assert_false(dup);
    }
    OK(cbx_store_set_rev(store, CBX_GENERAL, n));
    OK(cbx_store_commit(store));
}

/* a list of ids as text: "3 4 5" */
typedef struct heard {
    char ids[2048];
    size_t len;
    int n;
    cbx_message_t last;
    char last_text[64], last_name[64], last_cid[80];
} heard_t;

static void on_message(void *arg, const cbx_message_t *m)
{
    heard_t *h = arg;

    h->len +=
        (size_t)snprintf(h->ids + h->len, sizeof(h->ids) - h->len, "%s%" PRId64, h->n++ ? " " : "", m->id);
    h->last = *m;
    snprintf(h->last_text, sizeof(h->last_text), "%.*s", (int)m->text_len, m->text);
    snprintf(h->last_name, sizeof(h->last_name), "%s", m->username);
    snprintf(h->last_cid, sizeof(h->last_cid), "%s", m->cid);
}

/* -- messages -- */

static void a_message_is_kept_as_it_was(void **state)
{
    cbx_store_t *store = *state;
    int64_t user = add_user(store, "ada"), id;
    heard_t h = {.n = 0};
    bool dup;

    OK(cbx_store_begin(store));
    OK(insert(store, user, "c-1", "gr\xc3\xbc\xc3\x9f dich", 1, &id, &dup));
    OK(cbx_store_commit(store));
    OK(cbx_store_message(store, id, on_message, &h));
    assert_int_equal(h.last.id, id);
    assert_int_equal(h.last.room, CBX_GENERAL);
    assert_int_equal(h.last.rev, 1);
    assert_int_equal(h.last.user_id, user);
    assert_int_equal(h.last.timestamp, 1790000000000);
    assert_int_equal(h.last.edited, 0);
    assert_false(h.last.deleted);
    assert_string_equal(h.last_text, "gr\xc3\xbc\xc3\x9f dich");
    assert_string_equal(h.last_name, "ada");
    assert_string_equal(h.last_cid, "c-1");
    assert_int_equal(cbx_store_message(store, id + 1, on_message, &h), CBX_ERR_NOT_FOUND);
    assert_int_equal(h.n, 1);
}

static void a_cid_is_stored_once_for_its_author(void **state)
{
    cbx_store_t *store = *state;
    int64_t ada = add_user(store, "ada"), bob = add_user(store, "bob"), first, id;
    heard_t h = {.n = 0};
    bool dup;

    OK(cbx_store_begin(store));
    OK(insert(store, ada, "c", "first", 1, &first, &dup));
    assert_false(dup);
    OK(insert(store, ada, "c", "second", 2, &id, &dup));
    assert_true(dup);
    assert_int_equal(id, first);
    OK(insert(store, bob, "c", "bob's", 2, &id, &dup));
    assert_false(dup);
    assert_int_not_equal(id, first);
    OK(insert(store, 0, "c", "nobody's", 3, &id, &dup)); /* rows of nobody have no say over each other */
    assert_false(dup);
    OK(insert(store, 0, "c", "nobody's", 4, &id, &dup));
    assert_false(dup);
    OK(cbx_store_commit(store));
    OK(cbx_store_message(store, first, on_message, &h));
    assert_string_equal(h.last_text, "first");
}

static void an_edit_replaces_the_text(void **state)
{
    cbx_store_t *store = *state;
    heard_t h = {.n = 0};

    say_many(store, add_user(store, "ada"), 3);
    OK(cbx_store_begin(store));
    OK(cbx_store_edit(store, 2, S("changed"), 1790000001000, 4));
    assert_int_equal(cbx_store_edit(store, 99, S("x"), 1, 5), CBX_ERR_NOT_FOUND);
    OK(cbx_store_commit(store));
    OK(cbx_store_message(store, 2, on_message, &h));
    assert_string_equal(h.last_text, "changed");
    assert_int_equal(h.last.edited, 1790000001000);
    assert_int_equal(h.last.rev, 4);
    assert_int_equal(h.last.timestamp, 1790000000000);
}

static void a_deletion_keeps_the_place(void **state)
{
    cbx_store_t *store = *state;
    heard_t h = {.n = 0};

    say_many(store, add_user(store, "ada"), 3);
    OK(cbx_store_begin(store));
    OK(cbx_store_delete(store, 2, 4));
    assert_int_equal(cbx_store_delete(store, 99, 5), CBX_ERR_NOT_FOUND);
    assert_int_equal(cbx_store_edit(store, 2, S("back"), 1, 5), CBX_ERR_NOT_FOUND);
    OK(cbx_store_commit(store));
    OK(cbx_store_message(store, 2, on_message, &h));
    assert_true(h.last.deleted);
    assert_int_equal(h.last.text_len, 0);
    assert_int_equal(h.last.rev, 4);
}

static bool file_has(const char *path, const char *text)
{
    size_t len;
    char *bytes = slurp(path, &len);
    bool has = bytes != NULL && memmem(bytes, len, text, strlen(text)) != NULL;

    free(bytes);
    return has;
}

/* the text of a deleted message, and the old one of an edited message, are in no file any more */
static void what_was_taken_back_is_gone_from_the_disk(void **state)
{
    const char *path = scratch("gone.db"), *log = scratch("gone.db-wal");
    cbx_store_t *store = open_at(path);
    int64_t user = add_user(store, "ada"), id;
    char secret[16000] = ""; /* some pages: freeing them must clear them */
    bool dup;

    (void)state;
    while (strlen(secret) < sizeof(secret) - 32)
        strcat(secret, "a-secret-to-delete ");
    OK(cbx_store_begin(store));
    OK(insert(store, user, "1", secret, 1, &id, &dup));
    OK(insert(store, user, "2", "a-secret-to-edit", 2, &id, &dup));
    OK(insert(store, user, "3", "a-text-to-keep", 3, &id, &dup));
    OK(cbx_store_commit(store));
    assert_true(file_has(log, "a-secret-to-delete"));
    OK(cbx_store_move_log(store, NULL));
    assert_true(file_has(path, "a-secret-to-delete"));
    OK(cbx_store_begin(store));
    OK(cbx_store_delete(store, 1, 4));
    OK(cbx_store_edit(store, 2, S("tame"), 1790000001000, 5));
    OK(cbx_store_commit(store));
    cbx_store_erase(store);
    assert_true(file_has(path, "a-text-to-keep"));
    assert_false(file_has(path, "a-secret-to"));
    assert_false(file_has(log, "a-secret-to"));
    cbx_store_close(store);
}

static void the_log_is_moved_into_the_file(void **state)
{
    const char *path = scratch("grown.db");
    cbx_store_t *store = open_at(path);
    int moved = 0;

    (void)state;
    say_many(store, add_user(store, "ada"), 5);
    assert_false(file_has(path, "m5"));
    assert_int_not_equal(cbx_store_log_pages(store), 0);
    OK(cbx_store_move_log(store, &moved));
    assert_true(file_has(path, "m5"));
    assert_true(moved > 1);
    assert_int_equal(cbx_store_log_pages(store), 0);
    cbx_store_close(store);
}

/* -- pages and changes -- */

static void pages(void **state)
{
    static const struct {
        cbx_page_kind_t kind;
        int64_t id;
        int limit;
        const char *ids;
        bool more;
    } rows[] = {
        {CBX_PAGE_NEWEST, 0, 3, "8 9 10", true},
        {CBX_PAGE_NEWEST, 0, 10, "1 2 3 4 5 6 7 8 9 10", false},
        {CBX_PAGE_NEWEST, 0, 50, "1 2 3 4 5 6 7 8 9 10", false},
        {CBX_PAGE_NEWEST, 0, 9, "2 3 4 5 6 7 8 9 10", true},
        {CBX_PAGE_BEFORE, 8, 3, "5 6 7", true},
        {CBX_PAGE_BEFORE, 4, 3, "1 2 3", false},
        {CBX_PAGE_BEFORE, 3, 3, "1 2", false},
        {CBX_PAGE_BEFORE, 1, 3, "", false},
        {CBX_PAGE_BEFORE, 1000, 2, "9 10", true},
        {CBX_PAGE_AFTER, 0, 3, "1 2 3", true},
        {CBX_PAGE_AFTER, 7, 3, "8 9 10", false},
        {CBX_PAGE_AFTER, 6, 3, "7 8 9", true},
        {CBX_PAGE_AFTER, 10, 3, "", false},
        {CBX_PAGE_AROUND, 5, 5, "3 4 5 6 7", true},
        {CBX_PAGE_AROUND, 5, 4, "3 4 5 6", true},
        {CBX_PAGE_AROUND, 5, 1, "5", true},
        {CBX_PAGE_AROUND, 1, 4, "1 2 3 4", false},
        {CBX_PAGE_AROUND, 1, 1, "1", false},
        {CBX_PAGE_AROUND, 2, 6, "1 2 3 4 5 6", false},
        {CBX_PAGE_AROUND, 10, 4, "8 9 10", true},
    };
    cbx_store_t *store = *state;

    say_many(store, add_user(store, "ada"), 10);
    for (size_t i = 0; i < COUNT(rows); ++i) {
        heard_t h = {.n = 0};
        bool more;

        OK(cbx_store_page(store, CBX_GENERAL, rows[i].kind, rows[i].id, rows[i].limit, on_message, &h,
                          &more));
        assert_string_equal(h.ids, rows[i].ids);
        if (more != rows[i].more)
            fail_msg("row %zu: more is %d", i, more);
    }
}

static void an_empty_room_has_empty_pages(void **state)
{
    for (int kind = CBX_PAGE_NEWEST; kind <= CBX_PAGE_AROUND; ++kind) {
        heard_t h = {.n = 0};
        bool more = true;

        OK(cbx_store_page(*state, CBX_GENERAL, (cbx_page_kind_t)kind, 5, 3, on_message, &h, &more));
        assert_int_equal(h.n, 0);
        assert_false(more);
    }
}

static void changes_come_by_rev(void **state)
{
    cbx_store_t *store = *state;
    heard_t all = {.n = 0}, two = {.n = 0}, none = {.n = 0};
    int64_t rev;

    say_many(store, add_user(store, "ada"), 5);
    OK(cbx_store_begin(store));
    OK(cbx_store_edit(store, 2, S("later"), 1, 6));
    OK(cbx_store_delete(store, 1, 7));
    OK(cbx_store_set_rev(store, CBX_GENERAL, 7));
    OK(cbx_store_commit(store));
    OK(cbx_store_changes(store, CBX_GENERAL, 3, 100, on_message, &all));
    assert_string_equal(all.ids, "4 5 2 1");
    OK(cbx_store_changes(store, CBX_GENERAL, 3, 2, on_message, &two));
    assert_string_equal(two.ids, "4 5");
    OK(cbx_store_changes(store, CBX_GENERAL, 7, 100, on_message, &none));
    assert_int_equal(none.n, 0);
    OK(cbx_store_room_rev(store, CBX_GENERAL, &rev));
    assert_int_equal(rev, 7);
    OK(cbx_store_rev_below(store, CBX_GENERAL, 6, &rev));
    assert_int_equal(rev, 7);
    OK(cbx_store_rev_below(store, CBX_GENERAL, 2, &rev));
    assert_int_equal(rev, 7);
    OK(cbx_store_rev_below(store, CBX_GENERAL, 1, &rev));
    assert_int_equal(rev, 0);
    assert_int_equal(cbx_store_room_rev(store, 99, &rev), CBX_ERR_NOT_FOUND);
}

/* -- rooms and members -- */

static void on_room(void *arg, const cbx_store_room_t *room)
{
    cbx_store_room_t *want = arg;

    assert_int_equal(room->id, want->id);
    assert_int_equal(room->rev, want->rev);
    assert_int_equal(room->last_id, want->last_id);
    assert_int_equal(room->owner_id, want->owner_id);
    assert_int_equal(room->kind, want->kind);
    assert_string_equal(room->name, want->name);
    assert_string_equal(room->topic, want->topic);
    ++want->id;
}

static void general_is_there_from_the_start(void **state)
{
    cbx_store_t *store = *state;
    cbx_store_room_t want = {.id = 1, .kind = CBX_ROOM_PUBLIC, .name = "general", .topic = ""};

    OK(cbx_store_rooms(store, on_room, &want));
    assert_int_equal(want.id, 2); /* it was called once */
    say_many(store, add_user(store, "ada"), 4);
    want = (cbx_store_room_t){.id = 1, .rev = 4, .last_id = 4, .name = "general", .topic = ""};
    OK(cbx_store_rooms(store, on_room, &want));
    OK(cbx_store_begin(store));
    assert_int_equal(cbx_store_set_rev(store, 99, 1), CBX_ERR_NOT_FOUND);
    cbx_store_rollback(store);
}

typedef struct members {
    int n;
    cbx_store_member_t seen[8];
    char names[8][40];
} members_t;

static void on_member(void *arg, const cbx_store_member_t *member)
{
    members_t *m = arg;

    m->seen[m->n] = *member;
    snprintf(m->names[m->n++], sizeof(m->names[0]), "%s", member->username);
}

static void everybody_is_in_general(void **state)
{
    cbx_store_t *store = *state;
    int64_t ada = add_user(store, "ada"), bob, count, read_id;
    members_t rooms = {.n = 0};
    bool is;

    say_many(store, ada, 4);
    bob = add_user(store, "bob");
    OK(cbx_store_rooms_of(store, ada, on_member, &rooms));
    OK(cbx_store_rooms_of(store, bob, on_member, &rooms));
    assert_int_equal(rooms.n, 2);
    assert_int_equal(rooms.seen[0].joined_id, 0);
    assert_int_equal(rooms.seen[1].joined_id, 4);
    assert_int_equal(rooms.seen[1].room, CBX_GENERAL);
    assert_int_equal(rooms.seen[1].user_id, bob);
    assert_int_equal(rooms.seen[1].read_id, 0);
    assert_string_equal(rooms.names[1], "bob");
    OK(cbx_store_member_count(store, CBX_GENERAL, &count));
    assert_int_equal(count, 2);
    OK(cbx_store_is_member(store, CBX_GENERAL, bob, &is));
    assert_true(is);
    OK(cbx_store_is_member(store, CBX_GENERAL, 99, &is));
    assert_false(is);
    OK(cbx_store_begin(store));
    OK(cbx_store_add_member(store, CBX_GENERAL, bob, 1, &read_id)); /* he is one: nothing changes */
    OK(cbx_store_commit(store));
    rooms.n = 0;
    OK(cbx_store_rooms_of(store, bob, on_member, &rooms));
    assert_int_equal(rooms.seen[0].joined_id, 4);
}

static void who_leaves_and_comes_back_has_read_what_he_had(void **state)
{
    cbx_store_t *store = *state;
    int64_t bob = add_user(store, "bob"), read_id, count;
    members_t marks = {.n = 0}, rooms = {.n = 0};

    OK(cbx_store_begin(store));
    OK(cbx_store_set_read(store, CBX_GENERAL, bob, 3));
    OK(cbx_store_remove_member(store, CBX_GENERAL, bob));
    assert_int_equal(cbx_store_remove_member(store, CBX_GENERAL, bob), CBX_ERR_NOT_FOUND);
    assert_int_equal(cbx_store_set_read(store, CBX_GENERAL, bob, 4), CBX_ERR_NOT_FOUND);
    OK(cbx_store_member_count(store, CBX_GENERAL, &count));
    assert_int_equal(count, 0);
    OK(cbx_store_rooms_of(store, bob, on_member, &rooms));
    assert_int_equal(rooms.n, 0);
    OK(cbx_store_marks(store, CBX_GENERAL, 64, on_member, &marks));
    assert_int_equal(marks.n, 1);
    OK(cbx_store_add_member(store, CBX_GENERAL, bob, 9, &read_id));
    assert_int_equal(read_id, 3);
    OK(cbx_store_rooms_of(store, bob, on_member, &rooms));
    assert_int_equal(rooms.seen[0].joined_id, 9);
    OK(cbx_store_commit(store));
}

/* marks are written by SQL here: nothing in the store sets them yet */
static void marks_come_highest_first(void **state)
{
    const char *path = scratch("marks.db");
    cbx_store_t *store = open_at(path);
    members_t marks = {.n = 0};
    sqlite3 *db;

    (void)state;
    add_user(store, "ada");
    add_user(store, "bob");
    add_user(store, "eve");
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db, "UPDATE members SET read_id = 5 * user_id WHERE user_id < 3", NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    OK(cbx_store_marks(store, CBX_GENERAL, 10, on_member, &marks));
    assert_int_equal(marks.n, 2);
    assert_string_equal(marks.names[0], "bob");
    assert_int_equal(marks.seen[0].read_id, 10);
    assert_string_equal(marks.names[1], "ada");
    marks.n = 0;
    OK(cbx_store_marks(store, CBX_GENERAL, 1, on_member, &marks));
    assert_int_equal(marks.n, 1);
    assert_string_equal(marks.names[0], "bob");
    cbx_store_close(store);
}

static cbx_unread_t unread(cbx_store_t *store, int64_t user_id, int64_t after)
{
    cbx_unread_t unread = {.room = CBX_GENERAL, .after = after, .user_id = user_id};

    OK(cbx_store_unread(store, &unread));
    return unread;
}

static void unread_are_others_and_not_deleted(void **state)
{
    cbx_store_t *store = *state;
    int64_t ada = add_user(store, "ada"), bob = add_user(store, "bob"), id;
    bool dup;

    say_many(store, ada, 5);
    OK(cbx_store_begin(store));
    OK(cbx_store_delete(store, 4, 6));
    OK(insert(store, bob, "b", "mine", 7, &id, &dup));
    OK(insert(store, 0, "n", "nobody's", 8, &id, &dup));
    OK(cbx_store_commit(store));
    assert_int_equal(unread(store, bob, 0).count, 5);
    assert_int_equal(unread(store, bob, 3).count, 2);
    assert_int_equal(unread(store, bob, 7).count, 0);
}

static void an_old_count_and_what_changed_since_is_the_new_count(void **state)
{
    cbx_store_t *store = *state;
    int64_t ada = add_user(store, "ada"), bob = add_user(store, "bob"), id, now;
    cbx_unread_t old;
    bool dup;

    say_many(store, ada, 6);
    OK(cbx_store_begin(store));
    OK(cbx_store_delete(store, 6, 7));
    OK(cbx_store_set_rev(store, CBX_GENERAL, 7));
    OK(cbx_store_commit(store));
    old = unread(store, bob, 2);
    assert_int_equal(old.count, 3);
    OK(cbx_store_begin(store));
    OK(cbx_store_delete(store, 1, 8));                  /* read already */
    OK(cbx_store_delete(store, 3, 9));                  /* was counted */
    OK(cbx_store_edit(store, 4, "still", 5, 1, 10));    /* was, and is */
    OK(insert(store, ada, "x", "new", 11, &id, &dup));  /* one more */
    OK(insert(store, ada, "y", "gone", 12, &id, &dup)); /* came and went */
    OK(cbx_store_delete(store, id, 13));
    OK(insert(store, bob, "z", "mine", 14, &id, &dup));
    OK(cbx_store_commit(store));
    OK(cbx_store_unread_now(store, &old, &now));
    assert_int_equal(now, 3);
    assert_int_equal(now, unread(store, bob, 2).count);
}

/* -- transactions -- */

static void what_was_rolled_back_never_was(void **state)
{
    cbx_store_t *store = *state;
    int64_t user = add_user(store, "ada"), id, rev;
    heard_t h = {.n = 0};
    bool dup, more;

    cbx_store_rollback(store); /* harmless */
    OK(cbx_store_begin(store));
    OK(insert(store, user, "c", "no", 1, &id, &dup));
    OK(cbx_store_set_rev(store, CBX_GENERAL, 1));
    cbx_store_rollback(store);
    cbx_store_rollback(store);
    OK(cbx_store_page(store, CBX_GENERAL, CBX_PAGE_NEWEST, 0, 10, on_message, &h, &more));
    assert_int_equal(h.n, 0);
    OK(cbx_store_room_rev(store, CBX_GENERAL, &rev));
    assert_int_equal(rev, 0);
    OK(cbx_store_begin(store));
    OK(insert(store, user, "c", "yes", 1, &id, &dup));
    assert_false(dup);
    OK(cbx_store_commit(store));
}

static void probing_changes_nothing(void **state)
{
    cbx_store_t *store = *state;
    cbx_store_room_t want = {.id = 1, .name = "general", .topic = ""};

    OK(cbx_store_probe(store));
    OK(cbx_store_probe(store));
    OK(cbx_store_rooms(store, on_room, &want));
}

/* no file of this process may grow past `bytes` */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_is_an_error_and_passes(void **state)
{
    const char *path = scratch("full.db");
    cbx_store_t *store = open_at(path);
    int64_t user = add_user(store, "ada"), id;
    heard_t h = {.n = 0};
    struct stat st;
    bool dup, more;

    (void)state;
    assert_int_equal(stat(scratch("full.db-wal"), &st), 0);
    signal(SIGXFSZ, SIG_IGN);
    cbx_log_to(open("/dev/null", O_WRONLY));
    limit_files((rlim_t)st.st_size);
    OK(cbx_store_begin(store));
    OK(insert(store, user, "c", "too much", 1, &id, &dup)); /* in memory until the commit */
    assert_int_equal(cbx_store_commit(store), CBX_ERR_STORAGE_UNAVAILABLE);
    cbx_store_rollback(store);
    assert_int_equal(cbx_store_probe(store), CBX_ERR_STORAGE_UNAVAILABLE);
    limit_files(RLIM_INFINITY);
    OK(cbx_store_probe(store));
    cbx_log_to(2);
    OK(cbx_store_page(store, CBX_GENERAL, CBX_PAGE_NEWEST, 0, 10, on_message, &h, &more));
    assert_int_equal(h.n, 0);
    OK(cbx_store_begin(store));
    OK(insert(store, user, "c", "again", 1, &id, &dup));
    assert_false(dup);
    OK(cbx_store_commit(store));
    cbx_store_close(store);
}

/* where SQLite gives up the transaction in its middle, nothing of the rest is kept by accident */
static void half_a_transaction_is_never_kept(void **state)
{
    const char *path = scratch("half.db");
    cbx_store_t *store = open_at(path);
    int64_t user = add_user(store, "ada"), id;
    static char big[6000000]; /* more than the page cache holds: it must be written before the commit */
    struct stat st;
    cbx_err_t err;
    heard_t h = {.n = 0};
    bool dup, more;

    (void)state;
    memset(big, 'x', sizeof(big) - 1);
    assert_int_equal(stat(scratch("half.db-wal"), &st), 0);
    signal(SIGXFSZ, SIG_IGN);
    cbx_log_to(open("/dev/null", O_WRONLY));
    limit_files((rlim_t)st.st_size);
    OK(cbx_store_begin(store));
    err = insert(store, user, "1", big, 1, &id, &dup);
    limit_files(RLIM_INFINITY);
    assert_int_equal(err, CBX_ERR_STORAGE_UNAVAILABLE);
    assert_int_equal(insert(store, user, "2", "the rest", 2, &id, &dup), CBX_ERR_STORAGE_UNAVAILABLE);
    assert_int_equal(cbx_store_commit(store), CBX_ERR_STORAGE_UNAVAILABLE);
    cbx_store_rollback(store);
    cbx_log_to(2);
    OK(cbx_store_page(store, CBX_GENERAL, CBX_PAGE_NEWEST, 0, 10, on_message, &h, &more));
    assert_int_equal(h.n, 0);
    cbx_store_close(store);
}

static bool aborts(void (*mistake)(cbx_store_t *store), cbx_store_t *store)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(open("/dev/null", O_WRONLY), 2);
        mistake(store);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void change_outside(cbx_store_t *store)
{
    cbx_store_set_rev(store, CBX_GENERAL, 1);
}

static void begin_twice(cbx_store_t *store)
{
    cbx_store_begin(store);
    cbx_store_begin(store);
}

static void commit_nothing(cbx_store_t *store)
{
    cbx_store_commit(store);
}

static void checkpoint_inside(cbx_store_t *store)
{
    cbx_store_begin(store);
    cbx_store_move_log(store, NULL);
}

static void our_mistakes_abort(void **state)
{
    assert_true(aborts(change_outside, *state));
    assert_true(aborts(begin_twice, *state));
    assert_true(aborts(commit_nothing, *state));
    assert_true(aborts(checkpoint_inside, *state));
}

/* -- users -- */

static void a_user_is_found_by_id_and_by_name(void **state)
{
    cbx_store_t *store = *state;
    cbx_user_t user = {.username = "Ada", .display_name = "Ada L."};
    cbx_store_user_t found;

    OK(cbx_store_begin(store));
    OK(cbx_store_add_user(store, &user, "a hash", 1234));
    assert_false(user.guest);
    OK(cbx_store_touch(store, user.id, 5678));
    assert_int_equal(cbx_store_touch(store, 99, 1), CBX_ERR_NOT_FOUND);
    OK(cbx_store_commit(store));
    OK(cbx_store_user(store, user.id, &found));
    assert_string_equal(found.user.username, "Ada");
    assert_string_equal(found.user.display_name, "Ada L.");
    assert_string_equal(found.password_hash, "a hash");
    assert_false(found.user.guest);
    assert_int_equal(found.last_seen, 5678);
    cbx_store_user_dispose(&found);
    OK(cbx_store_user_by_name(store, "aDA", &found));
    assert_int_equal(found.user.id, user.id);
    cbx_store_user_dispose(&found);
    assert_int_equal(cbx_store_user_by_name(store, "Ada%", &found), CBX_ERR_NOT_FOUND);
    assert_int_equal(cbx_store_user(store, 99, &found), CBX_ERR_NOT_FOUND);
    assert_null(found.password_hash);
}

static void a_name_is_held_by_one(void **state)
{
    cbx_store_t *store = *state;
    cbx_user_t other = {.username = "ADA", .display_name = "x"};
    int64_t ada = add_user(store, "ada"), count;

    OK(cbx_store_begin(store));
    assert_int_equal(cbx_store_add_user(store, &other, "hash", 1), CBX_ERR_NAME_TAKEN);
    OK(cbx_store_commit(store));
    OK(cbx_store_member_count(store, CBX_GENERAL, &count));
    assert_int_equal(count, 1);
    OK(cbx_store_begin(store));
    OK(cbx_store_release_name(store, ada));
    OK(cbx_store_add_user(store, &other, "hash", 1));
    assert_int_equal(cbx_store_release_name(store, other.id),
                     CBX_ERR_NOT_FOUND); /* an account keeps its name */
    OK(cbx_store_commit(store));
    assert_int_not_equal(other.id, ada);
}

static void a_released_name_finds_its_new_user(void **state)
{
    cbx_store_t *store = *state;
    int64_t old = add_user(store, "ada"), id;
    cbx_store_user_t found;

    OK(cbx_store_begin(store));
    OK(cbx_store_release_name(store, old));
    OK(cbx_store_commit(store));
    assert_int_equal(cbx_store_user_by_name(store, "ada", &found), CBX_ERR_NOT_FOUND);
    id = add_user(store, "ada");
    OK(cbx_store_user_by_name(store, "ada", &found));
    assert_int_equal(found.user.id, id);
    OK(cbx_store_user(store, old, &found)); /* what the old one wrote still has its author */
    assert_string_equal(found.user.username, "ada");
}

/* a guest who was last seen at `seen`, and has a session until `until` (s; 0: none) */
static int64_t add_guest(cbx_store_t *store, const char *name, int64_t seen, int64_t until)
{
    cbx_user_t user = {.guest = true};

    snprintf(user.username, sizeof(user.username), "%s", name);
    snprintf(user.display_name, sizeof(user.display_name), "%s", name);
    OK(cbx_store_begin(store));
    OK(cbx_store_add_user(store, &user, NULL, seen));
    if (until != 0)
        OK(cbx_store_open_session(store, name, user.id, until));
    OK(cbx_store_commit(store));
    return user.id;
}

static void guests_whom_nobody_can_be_again(void **state)
{
    cbx_store_t *store = *state;
    int64_t ids[8], upto = 0, now = 100 * 1000, seen = 50 * 1000;
    cbx_lapsed_t lapsed = {.ids = ids, .max = 8};
    int64_t lapsed_id = add_guest(store, "lapsed", seen - 1, 0);
    int64_t expired = add_guest(store, "expired", seen - 1, 99), released;
    cbx_user_t account = {.username = "account", .display_name = "account"};

    add_guest(store, "seen", seen, 0);
    add_guest(store, "in", seen - 1, 100);
    released = add_guest(store, "released", now, 0);
    OK(cbx_store_begin(store));
    OK(cbx_store_add_user(store, &account, "a hash", seen - 1));
    OK(cbx_store_release_name(store, released));
    OK(cbx_store_commit(store));
    OK(cbx_store_lapsed_guests(store, &upto, 1000, now, seen, &lapsed));
    assert_int_equal(lapsed.len, 3);
    assert_int_equal(ids[0], lapsed_id);
    assert_int_equal(ids[1], expired);
    assert_int_equal(ids[2], released);
    OK(cbx_store_begin(store));
    for (size_t i = 0; i != 3; ++i)
        OK(cbx_store_remove_guest(store, ids[i]));
    assert_int_equal(cbx_store_remove_guest(store, ids[0]), CBX_ERR_NOT_FOUND);
    OK(cbx_store_commit(store));
    upto = 0;
    OK(cbx_store_lapsed_guests(store, &upto, 1000, now, seen, &lapsed));
    assert_int_equal(lapsed.len, 0);
}

/* bounded work: a few users at a time, each of them once a round */
static void guests_are_looked_at_a_few_at_a_time(void **state)
{
    cbx_store_t *store = *state;
    int64_t ids[2], upto = 0, last = 0;
    cbx_lapsed_t lapsed = {.ids = ids, .max = 2};
    char name[16];

    for (int i = 0; i != 7; ++i) {
        snprintf(name, sizeof(name), "g%d", i);
        last = add_guest(store, name, 0, 0);
    }
    for (int round = 0, found = 0; round != 2; ++round, found = 0) {
        do {
            int64_t before = upto;
            OK(cbx_store_lapsed_guests(store, &upto, 3, 1, 1, &lapsed));
            assert_true(lapsed.len <= 2);
            for (size_t i = 0; i != lapsed.len; ++i)
                assert_true(ids[i] > before && ids[i] <= before + 3);
            found += (int)lapsed.len;
        } while (upto != 0);
        assert_int_equal(found, 7);
    }
    assert_true(last >= 7);
}

static void a_guest_becomes_an_account(void **state)
{
    cbx_store_t *store = *state;
    int64_t id = add_user(store, "ada");
    cbx_store_user_t found;

    OK(cbx_store_user(store, id, &found));
    assert_true(found.user.guest);
    assert_null(found.password_hash);
    OK(cbx_store_begin(store));
    OK(cbx_store_upgrade_guest(store, id, "Ada", "hash"));
    assert_int_equal(cbx_store_upgrade_guest(store, id, "Eve", "other"), CBX_ERR_NOT_FOUND);
    assert_int_equal(cbx_store_upgrade_guest(store, 99, "Eve", "other"), CBX_ERR_NOT_FOUND);
    OK(cbx_store_commit(store));
    OK(cbx_store_user_by_name(store, "ada", &found));
    assert_int_equal(found.user.id, id);
    assert_false(found.user.guest);
    assert_string_equal(found.user.display_name, "Ada");
    assert_string_equal(found.password_hash, "hash");
    cbx_store_user_dispose(&found);
}

static void sessions_last_until_they_are_closed(void **state)
{
    cbx_store_t *store = *state;
    int64_t ada = add_user(store, "ada"), bob = add_user(store, "bob"), id;

    OK(cbx_store_begin(store));
    OK(cbx_store_open_session(store, JTI("a"), ada, 100));
    OK(cbx_store_open_session(store, JTI("b"), ada, 200));
    OK(cbx_store_open_session(store, JTI("c"), ada, 300));
    OK(cbx_store_open_session(store, JTI("d"), bob, 100));
    OK(cbx_store_commit(store));
    OK(cbx_store_session(store, JTI("b"), &id));
    assert_int_equal(id, ada);
    OK(cbx_store_begin(store));
    OK(cbx_store_close_session(store, JTI("b")));
    OK(cbx_store_close_session(store, JTI("b")));
    OK(cbx_store_commit(store));
    assert_int_equal(cbx_store_session(store, JTI("b"), &id), CBX_ERR_NOT_FOUND);
    OK(cbx_store_begin(store));
    OK(cbx_store_close_sessions(store, ada, JTI("c")));
    OK(cbx_store_commit(store));
    assert_int_equal(cbx_store_session(store, JTI("a"), &id), CBX_ERR_NOT_FOUND);
    OK(cbx_store_session(store, JTI("c"), &id));
    OK(cbx_store_session(store, JTI("d"), &id));
    assert_int_equal(id, bob);
    OK(cbx_store_begin(store));
    OK(cbx_store_purge_sessions(store, 100)); /* "before" */
    OK(cbx_store_session(store, JTI("d"), &id));
    OK(cbx_store_purge_sessions(store, 101));
    OK(cbx_store_close_sessions(store, ada, NULL));
    OK(cbx_store_commit(store));
    assert_int_equal(cbx_store_session(store, JTI("d"), &id), CBX_ERR_NOT_FOUND);
    assert_int_equal(cbx_store_session(store, JTI("c"), &id), CBX_ERR_NOT_FOUND);
}

/* text of a client is bound, never read as SQL */
static void quotes_are_text(void **state)
{
    cbx_store_t *store = *state;
    static const char nasty[] = "'); DROP TABLE messages; -- \"?1";
    int64_t user = add_user(store, "ada"), id;
    heard_t h = {.n = 0};
    cbx_store_user_t found;
    bool dup;

    OK(cbx_store_begin(store));
    OK(insert(store, user, "'", nasty, 1, &id, &dup));
    OK(cbx_store_commit(store));
    OK(cbx_store_message(store, id, on_message, &h));
    assert_string_equal(h.last_text, nasty);
    assert_int_equal(cbx_store_user_by_name(store, "' OR 1=1 --", &found), CBX_ERR_NOT_FOUND);
}

/* -- a file's life -- */

static void a_file_outlives_its_connection(void **state)
{
    const char *path = scratch("life.db");
    cbx_store_t *store = open_at(path);
    char epoch[64];
    heard_t h = {.n = 0};
    bool more;
    struct stat st;

    (void)state;
    snprintf(epoch, sizeof(epoch), "%s", cbx_store_epoch(store));
    assert_int_equal(strlen(epoch), 16);
    assert_int_equal(strspn(epoch, "0123456789abcdef"), 16);
    say_many(store, add_user(store, "ada"), 3);
    cbx_store_close(store);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    store = open_at(path);
    assert_string_equal(cbx_store_epoch(store), epoch);
    OK(cbx_store_page(store, CBX_GENERAL, CBX_PAGE_NEWEST, 0, 10, on_message, &h, &more));
    assert_string_equal(h.ids, "1 2 3");
    cbx_store_close(store);
}

/* a child commits and is killed with its log unmoved: all is there, and the look before the opening did no
 * harm */
static void a_killed_writer_loses_nothing(void **state)
{
    const char *path = scratch("killed.db");
    cbx_store_t *store;
    heard_t h = {.n = 0};
    bool more;
    int status;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        store = open_at(path);
        say_many(store, add_user(store, "ada"), 7);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_true(file_has(scratch("killed.db-wal"), "m7"));
    assert_true(cbx_store_check(path, why, sizeof(why)));
    assert_true(file_has(scratch("killed.db-wal"), "m7"));
    store = open_at(path);
    OK(cbx_store_page(store, CBX_GENERAL, CBX_PAGE_NEWEST, 0, 10, on_message, &h, &more));
    assert_string_equal(h.ids, "1 2 3 4 5 6 7");
    cbx_store_close(store);
}

static void memory_is_nobody_elses(void **state)
{
    cbx_store_t *other = open_at(":memory:");
    int64_t count;

    add_user(*state, "ada");
    OK(cbx_store_member_count(other, CBX_GENERAL, &count));
    assert_int_equal(count, 0);
    cbx_store_close(other);
    assert_true(cbx_store_check(":memory:", why, sizeof(why)));
    OK(cbx_store_move_log(*state, NULL)); /* harmless */
}

static void odd_file_names_work(void **state)
{
    static const char *const names[] = {"a b.db", "100%.db", "what?.db", "no#1.db", "gr\xc3\xbc\xc3\x9f.db"};
    struct stat st;

    (void)state;
    for (size_t i = 0; i < COUNT(names); ++i) {
        const char *path = scratch(names[i]);

        cbx_store_close(open_at(path));
        assert_int_equal(stat(path, &st), 0);
        assert_true(cbx_store_check(path, why, sizeof(why)));
    }
}

#define IN_MEMORY(test) cmocka_unit_test_setup_teardown(test, open_memory, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_MEMORY(a_message_is_kept_as_it_was),
        IN_MEMORY(a_cid_is_stored_once_for_its_author),
        IN_MEMORY(an_edit_replaces_the_text),
        IN_MEMORY(a_deletion_keeps_the_place),
        cmocka_unit_test(what_was_taken_back_is_gone_from_the_disk),
        cmocka_unit_test(the_log_is_moved_into_the_file),
        IN_MEMORY(pages),
        IN_MEMORY(an_empty_room_has_empty_pages),
        IN_MEMORY(changes_come_by_rev),
        IN_MEMORY(general_is_there_from_the_start),
        IN_MEMORY(everybody_is_in_general),
        IN_MEMORY(who_leaves_and_comes_back_has_read_what_he_had),
        cmocka_unit_test(marks_come_highest_first),
        IN_MEMORY(unread_are_others_and_not_deleted),
        IN_MEMORY(an_old_count_and_what_changed_since_is_the_new_count),
        IN_MEMORY(what_was_rolled_back_never_was),
        IN_MEMORY(probing_changes_nothing),
        cmocka_unit_test(a_full_disk_is_an_error_and_passes),
        cmocka_unit_test(half_a_transaction_is_never_kept),
        IN_MEMORY(our_mistakes_abort),
        IN_MEMORY(a_user_is_found_by_id_and_by_name),
        IN_MEMORY(a_name_is_held_by_one),
        IN_MEMORY(a_released_name_finds_its_new_user),
        IN_MEMORY(a_guest_becomes_an_account),
        IN_MEMORY(guests_whom_nobody_can_be_again),
        IN_MEMORY(guests_are_looked_at_a_few_at_a_time),
        IN_MEMORY(sessions_last_until_they_are_closed),
        IN_MEMORY(quotes_are_text),
        cmocka_unit_test(a_file_outlives_its_connection),
        cmocka_unit_test(a_killed_writer_loses_nothing),
        IN_MEMORY(memory_is_nobody_elses),
        cmocka_unit_test(odd_file_names_work),
    };

    return cmocka_run_group_tests(tests, NULL, remove_scratch);
}
