/* test_schema.c -- whose database is it: made, migrated, or refused and left as it is. */
#include "unit.h"

#include <inttypes.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include "base/log.h"
#include "store/original.h"
#include "store/schema.h"
#include "store/store.h"
#include "wire/names.h"

#define DAY INT64_C(1714521600000) /* 2024-05-01T00:00:00Z */
#define AT(h, m, s) (DAY + ((h)*3600 + (m)*60 + (s)) * INT64_C(1000))

static char why[512];

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    char *complaint = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &complaint) != SQLITE_OK)
        fail_msg("%s: %s", sql, complaint);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* the first column of the first row, as text */
static const char *ask(const char *path, const char *sql)
{
    static char answers[4][256];
    static unsigned next;
    char *answer = answers[next++ % 4];
    sqlite3_stmt *stmt;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    snprintf(answer, sizeof(answers[0]), "%s", (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return answer;
}

static bool exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* neither looking nor opening takes it, both say why in one line, and not a byte of it changes */
static void refused(const char *path, const char *reason)
{
    size_t before_len = 0, after_len = 0;
    char *before = slurp(path, &before_len), *after;
    char beside[3][160];

    snprintf(beside[0], sizeof(beside[0]), "%s-wal", path);
    snprintf(beside[1], sizeof(beside[1]), "%s-shm", path);
    snprintf(beside[2], sizeof(beside[2]), "%s-journal", path);
    for (int opening = 0; opening < 2; ++opening) {
        why[0] = '\0';
        if (opening)
            assert_null(cbx_store_open(path, true, why, sizeof(why)));
        else
            assert_false(cbx_store_check(path, why, sizeof(why)));
        if (strstr(why, reason) == NULL)
            fail_msg("%s: \"%s\" does not say \"%s\"", path, why, reason);
        assert_null(strchr(why, '\n'));
        for (int i = 0; i < 3; ++i)
            assert_false(exists(beside[i]));
    }
    if (before != NULL) {
        assert_non_null(after = slurp(path, &after_len));
        assert_int_equal(before_len, after_len);
        assert_memory_equal(before, after, before_len);
        free(after);
    }
    free(before);
}

/* -- whose it is -- */

static void foreign_files_are_left_alone(void **state)
{
    static const struct {
        const char *name, *sql, *reason;
    } rows[] = {
        {"other.db", "CREATE TABLE t (a); INSERT INTO t VALUES (1)", "no database of Chatterbox"},
        {"wal.db", "PRAGMA journal_mode = WAL; CREATE TABLE t (a)", "no database of Chatterbox"},
        {"app.db", "PRAGMA application_id = 77", "no database of Chatterbox"},
        {"seven.db", "CREATE TABLE messages (id, username, message, timestamp, date, edited, more)",
         "no database of Chatterbox"},
        {"five.db", "CREATE TABLE messages (id, username, message, timestamp, date)",
         "no database of Chatterbox"},
        {"named.db", "CREATE TABLE messages (id, username, message, timestamp, date, changed)",
         "no database of Chatterbox"},
        {"two.db",
         "CREATE TABLE messages (id, username, message, timestamp, date, edited); CREATE TABLE users (id)",
         "no database of Chatterbox"},
        {"view.db",
         "CREATE VIEW messages AS SELECT 1 id, 2 username, 3 message, 4 timestamp, 5 date, 6 edited",
         "no database of Chatterbox"},
        {"trigger.db",
         "CREATE TABLE messages (id, username, message, timestamp, date, edited);"
         "CREATE TRIGGER t AFTER INSERT ON messages BEGIN DELETE FROM messages; END",
         "no database of Chatterbox"},
        {"claims.db", "PRAGMA application_id = 1128421425; CREATE TABLE meta (key, value)",
         "no database of Chatterbox"},
        {"zero.db",
         "PRAGMA application_id = 1128421425; CREATE TABLE meta (key, value);"
         "INSERT INTO meta VALUES ('schema', 'minus one')",
         "no database of Chatterbox"},
        {"negative.db",
         "PRAGMA application_id = 1128421425; CREATE TABLE meta (key, value);"
         "INSERT INTO meta VALUES ('schema', -3)",
         "no database of Chatterbox"},
    };

    (void)state;
    assert_int_equal(CBX_APPLICATION_ID, 1128421425);
    for (size_t i = 0; i < COUNT(rows); ++i) {
        run_sql(scratch(rows[i].name), rows[i].sql);
        refused(scratch(rows[i].name), rows[i].reason);
    }
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    fclose(f);
}

static void what_is_no_database_is_refused(void **state)
{
    char noise[5000];

    (void)state;
    memset(noise, 'n', sizeof(noise));
    write_file(scratch("text.db"), "hello\n", 6);
    write_file(scratch("noise.db"), noise, sizeof(noise));
    refused(scratch("text.db"), "not a database");
    refused(scratch("noise.db"), "not a database");
    refused(scratch(""), "is a directory");
    refused(scratch("text.db/x.db"), "Not a directory");
    refused(scratch("missing/x.db"), "No such file or directory");
    assert_false(exists(scratch("missing")));
    refused("/dev/null", "not a regular file");
    refused("", "empty");
}

static void a_cut_database_is_refused(void **state)
{
    const char *path = scratch("cut.db");
    size_t len;
    char *bytes;

    (void)state;
    run_sql(path, "CREATE TABLE messages (id, username, message, timestamp, date, edited)");
    bytes = slurp(path, &len);
    write_file(path, bytes, 600);
    free(bytes);
    refused(path, "cut.db");
}

static void a_newer_one_is_refused(void **state)
{
    const char *path = scratch("newer.db");

    (void)state;
    cbx_store_close(cbx_store_open(path, true, why, sizeof(why)));
    run_sql(path, "PRAGMA journal_mode = DELETE; UPDATE meta SET value = value + 1 WHERE key = 'schema'");
    refused(path, "newer Chatterbox (schema 4; this one knows 3)");
    run_sql(path, "PRAGMA journal_mode = WAL");
    refused(path, "newer Chatterbox");
}

static void looking_makes_nothing(void **state)
{
    const char *path = scratch("new.db");
    cbx_store_t *store;

    (void)state;
    assert_true(cbx_store_check(path, why, sizeof(why)));
    assert_false(exists(path));
    write_file(path, "", 0);
    assert_true(cbx_store_check(path, why, sizeof(why)));
    assert_non_null(store = cbx_store_open(path, true, why, sizeof(why))); /* an empty file will do */
    cbx_store_close(store);
    assert_true(cbx_store_check(path, why, sizeof(why)));
    assert_false(exists(scratch("new.db-wal")));
    assert_false(exists(scratch("new.db.v0.bak")));
}

static void a_new_one_is_as_described(void **state)
{
    const char *path = scratch("described.db");

    (void)state;
    cbx_store_close(cbx_store_open(path, false, why, sizeof(why)));
    assert_string_equal(ask(path, "PRAGMA application_id"), "1128421425");
    assert_string_equal(ask(path, "PRAGMA journal_mode"), "wal");
    assert_string_equal(ask(path, "SELECT value FROM meta WHERE key = 'schema'"), "3");
    assert_string_equal(
        ask(path, "SELECT group_concat(name) FROM (SELECT name FROM pragma_table_info('messages'))"),
        "id,username,message,timestamp,date,edited,room_id,user_id,rev,cid,deleted");
    assert_string_equal(ask(path, "SELECT count(*) FROM pragma_index_list('messages')"),
                        "3"); /* with UNIQUE's */
    assert_string_equal(ask(path, "PRAGMA integrity_check"), "ok");
    assert_string_equal(ask(path, "SELECT count(*) FROM pragma_foreign_key_check"), "0");
}

/* -- times -- */

static void times_are_read(void **state)
{
    static const struct {
        const char *timestamp, *date;
        int64_t before, want;
    } rows[] = {
        {"14:05", "2024-05-01", 0, AT(14, 5, 0)},
        {"14:05:09", "2024-05-01", 0, AT(14, 5, 9)},
        {"14:05:09.250", "2024-05-01", 0, AT(14, 5, 9) + 250},
        {"2:05 PM", "2024-05-01", 0, AT(14, 5, 0)},
        {"02:05 pm", "2024-05-01", 0, AT(14, 5, 0)},
        {"2:05PM", "May 01, 2024", 0, AT(14, 5, 0)},
        {"12:00 AM", "2024-05-01", 0, DAY},
        {"12:00 PM", "2024-05-01", 0, AT(12, 0, 0)},
        {"14:05", "May 1, 2024", 0, AT(14, 5, 0)},
        {"14:05", "1 May 2024", 0, AT(14, 5, 0)},
        {"14:05", "2024/05/01", 0, AT(14, 5, 0)},
        {"14:05", "2024-05-01 09:00", 0, AT(14, 5, 0)},
        {"2024-05-01T14:05:09", NULL, 0, AT(14, 5, 9)},
        {"2024-05-01 14:05:09", "2020-01-01", 0, AT(14, 5, 9)},
        {"2024-05-01T14:05:09Z", NULL, 0, AT(14, 5, 9)},
        {"2024-05-01T14:05:09.123456Z", NULL, 0, AT(14, 5, 9) + 123},
        {"2024-05-01 14:05:09.5", NULL, 0, AT(14, 5, 9) + 500},
        {"2024-05-01T14:05:09+02:00", NULL, 0, AT(12, 5, 9)},
        {"2024-05-01T14:05:09-0530", NULL, 0, AT(19, 35, 9)},
        {"May 01, 2024 2:05 PM", NULL, 0, AT(14, 5, 0)},
        {"  2024-05-01  14:05", NULL, 0, AT(14, 5, 0)},
        {"1714572309", NULL, 0, AT(14, 5, 9)},
        {"1714572309.25", NULL, 0, AT(14, 5, 9) + 250},
        {"1714572309123", NULL, 0, AT(14, 5, 9) + 123},
        {"1.714572309e+9", NULL, 0, AT(14, 5, 9)},
        {"1714572309123456", NULL, 0, AT(14, 5, 9) + 123},
        {NULL, "2024-05-01", 0, DAY},
        {"", "2024-05-01", 0, DAY},
        {"whenever", "2024-05-01", 0, DAY},
        {"2024-05-01", NULL, 0, DAY},
        {NULL, "2024-05-01", AT(9, 0, 0), AT(9, 0, 0)}, /* the same day: not before the row before */
        {NULL, "2024-05-01T14:05", 0, AT(14, 5, 0)},
        {NULL, NULL, 0, 0},
        {NULL, NULL, 77, 77},
        {"14:05", NULL, 77, 77},
        {"14:05", "", 77, 77},
        {"garbage", "garbage", 77, 77},
        {"25:00", "2024-05-01", 0, DAY},
        {"14:60", "2024-05-01", 0, DAY},
        {"13:05 PM", "2024-05-01", 0, DAY},
        {"14:05", "2024-02-30", 77, 77},
        {"14:05", "2024-13-01", 77, 77},
        {"14:05", "0000-01-01", 77, 77},
        {"0", NULL, 77, 77},
        {"-5", NULL, 77, 77},
        {"5", NULL, 77, 77},
        {"1e300", NULL, 77, 77},
        {"nan", NULL, 77, 77},
        {"0x7fffffff", NULL, 77, 77},
        {"99999999999999999999999", NULL, 77, 77},
        {"1970-01-01T00:00:00+10:00", NULL, 77, 0},
        {"23:59:59", "9999-12-31", 0, 253402300799000},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); ++i) {
        int64_t got = cbx_original_time(rows[i].timestamp, rows[i].date, rows[i].before);

        if (got != rows[i].want)
            fail_msg("\"%s\", \"%s\": %" PRId64 ", not %" PRId64, rows[i].timestamp, rows[i].date, got,
                     rows[i].want);
    }
}

/* -- migrating -- */

typedef struct row {
    int64_t id, rev, time, edited, user_id;
    char name[64], text[64], cid[64];
    size_t text_len;
} row_t;

typedef struct rows {
    int n;
    row_t list[16];
} rows_t;

static void on_row(void *arg, const cbx_message_t *m)
{
    rows_t *rows = arg;
    row_t *row = &rows->list[rows->n++];

    *row =
        (row_t){.id = m->id, .rev = m->rev, .time = m->timestamp, .edited = m->edited, .user_id = m->user_id};
    assert_int_equal(m->room, CBX_GENERAL);
    assert_true(cbx_utf8_valid(m->username, strlen(m->username)));
    assert_true(cbx_utf8_valid(m->text, m->text_len));
    snprintf(row->name, sizeof(row->name), "%s", m->username);
    snprintf(row->cid, sizeof(row->cid), "%s", m->cid);
    row->text_len = m->text_len;
    memcpy(row->text, m->text, m->text_len < sizeof(row->text) ? m->text_len : sizeof(row->text));
}

/* makes a database of the original program by `sql`, opens it as ours and reads all rows back */
static rows_t migrated(const char *path, const char *sql)
{
    rows_t rows = {.n = 0};
    cbx_store_t *store;
    int64_t rev;

    run_sql(path, sql);
    assert_true(cbx_store_check(path, why, sizeof(why)));
    if ((store = cbx_store_open(path, true, why, sizeof(why))) == NULL)
        fail_msg("%s", why);
    assert_int_equal(cbx_store_changes(store, CBX_GENERAL, 0, 16, on_row, &rows), CBX_OK);
    assert_int_equal(cbx_store_room_rev(store, CBX_GENERAL, &rev), CBX_OK);
    assert_int_equal(rev, rows.n);
    for (int i = 0; i < rows.n; ++i) {
        assert_int_equal(rows.list[i].rev, i + 1);
        assert_int_equal(rows.list[i].user_id, 0);
    }
    cbx_store_close(store);
    assert_string_equal(ask(path, "PRAGMA integrity_check"), "ok");
    assert_string_equal(ask(path, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'original%'"), "0");
    return rows;
}

static void the_original_is_migrated(void **state)
{
    const char *path = scratch("chat.db");
    rows_t rows = migrated(
        path, "CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, username TEXT, message TEXT,"
              "  timestamp TEXT, date TEXT, edited INTEGER DEFAULT 0);"
              "INSERT INTO messages VALUES (3, 'ada', 'hello', '14:05', '2024-05-01', 0);"
              "INSERT INTO messages VALUES (7, 'bob', 'hi', '14:06:30', '2024-05-01', 1);"
              "INSERT INTO messages VALUES (8, NULL, NULL, NULL, NULL, NULL);"
              "INSERT INTO messages VALUES (20, 'J\xc3\xbcrgen the 1st', '\xf0\x9f\x98\x80', '2:07 PM', "
              "'2024-05-01', '');");
    cbx_store_t *store;
    cbx_message_t m = {.room = 1, .rev = 5, .username = "eve", .cid = "c", .text = "new", .text_len = 3};
    int64_t id;
    bool dup;

    (void)state;
    assert_int_equal(rows.n, 4);
    assert_int_equal(rows.list[0].id, 3);
    assert_int_equal(rows.list[0].time, AT(14, 5, 0));
    assert_int_equal(rows.list[0].edited, 0);
    assert_string_equal(rows.list[0].name, "ada");
    assert_memory_equal(rows.list[0].text, "hello", 5);
    assert_string_equal(rows.list[0].cid, "import-3");
    assert_int_equal(rows.list[1].id, 7);
    assert_int_equal(rows.list[1].edited, AT(14, 6, 30));
    assert_string_equal(rows.list[2].name, "unknown");
    assert_int_equal(rows.list[2].text_len, 0);
    assert_int_equal(rows.list[2].time, AT(14, 6, 30));
    assert_int_equal(rows.list[3].id, 20);
    assert_string_equal(rows.list[3].name, "J\xc3\xbcrgen the 1st");
    assert_int_equal(rows.list[3].time, AT(14, 7, 0));
    assert_int_equal(rows.list[3].edited, 0);
    assert_string_equal(ask(path, "SELECT group_concat(date) FROM messages"),
                        "2024-05-01,2024-05-01,2024-05-01,2024-05-01");
    assert_non_null(store = cbx_store_open(path, true, why, sizeof(why))); /* and what follows, follows */
    assert_int_equal(cbx_store_begin(store), CBX_OK);
    assert_int_equal(cbx_store_insert(store, &m, &id, &dup), CBX_OK);
    assert_int_equal(cbx_store_commit(store), CBX_OK);
    assert_int_equal(id, 21);
    cbx_store_close(store);
}

static void the_copy_is_the_original(void **state)
{
    static const char all[] =
        "SELECT group_concat(id || username || message || timestamp || date || edited) FROM messages";
    const char *path = scratch("copied.db"), *copy = scratch("copied.db.v0.bak");
    char before[256];

    (void)state;
    run_sql(path,
            "CREATE TABLE messages (id INTEGER PRIMARY KEY, username, message, timestamp, date, edited);"
            "INSERT INTO messages VALUES (1, 'a', 'x', '14:05', '2024-05-01', 0), (2, 'b', 'y', 5, 6, 7);");
    snprintf(before, sizeof(before), "%s", ask(path, all));
    cbx_store_close(cbx_store_open(path, true, why, sizeof(why)));
    assert_string_equal(ask(copy, all), before);
    assert_string_equal(ask(copy, "PRAGMA application_id"), "0");
    assert_false(exists(scratch("copied.db.v0.bak.part")));
    cbx_store_close(cbx_store_open(path, true, why, sizeof(why)));
    assert_string_equal(ask(copy, all), before); /* the second start copies nothing */
}

/* two files of the original program may come to lie at one place, years apart */
static void a_copy_is_never_overwritten(void **state)
{
    const char *path = scratch("twice.db");

    (void)state;
    for (int i = 1; i <= 3; ++i) {
        char make[200];

        unlink(path);
        snprintf(make, sizeof(make),
                 "CREATE TABLE messages (id INTEGER PRIMARY KEY, username, message, timestamp, date, edited);"
                 "INSERT INTO messages (message) VALUES ('life %d')",
                 i);
        run_sql(path, make);
        cbx_store_close(cbx_store_open(path, true, why, sizeof(why)));
    }
    assert_string_equal(ask(scratch("twice.db.v0.bak"), "SELECT message FROM messages"), "life 1");
    assert_string_equal(ask(scratch("twice.db.v0.2.bak"), "SELECT message FROM messages"), "life 2");
    assert_string_equal(ask(scratch("twice.db.v0.3.bak"), "SELECT message FROM messages"), "life 3");
}

/* its file was everybody's to read */
static void a_migrated_file_is_its_owners(void **state)
{
    const char *path = scratch("public.db");
    struct stat st;

    (void)state;
    run_sql(path,
            "CREATE TABLE messages (id INTEGER PRIMARY KEY, username, message, timestamp, date, edited)");
    assert_int_equal(chmod(path, 0644), 0);
    cbx_store_close(cbx_store_open(path, true, why, sizeof(why)));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(scratch("public.db.v0.bak"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chmod(path, 0640), 0); /* later it is as who runs it wants it */
    cbx_store_close(cbx_store_open(path, true, why, sizeof(why)));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
}

/* the original program may have written in WAL mode, and been killed */
static void one_in_wal_mode_is_migrated(void **state)
{
    rows_t rows =
        migrated(scratch("was-wal.db"),
                 "PRAGMA journal_mode = WAL;"
                 "CREATE TABLE messages (id INTEGER PRIMARY KEY, username, message, timestamp, date, edited);"
                 "CREATE INDEX by_date ON messages (date);"
                 "INSERT INTO messages VALUES (1, 'a', 'x', 1714572309, NULL, 'true');");

    (void)state;
    assert_int_equal(rows.n, 1);
    assert_int_equal(rows.list[0].time, AT(14, 5, 9));
    assert_int_equal(rows.list[0].edited, AT(14, 5, 9));
}

static void an_empty_original_is_migrated(void **state)
{
    rows_t rows = migrated(
        scratch("no-rows.db"),
        "CREATE TABLE Messages (edited, Date, timestamp, message, username, ID INTEGER PRIMARY KEY)");

    (void)state;
    assert_int_equal(rows.n, 0);
}

static void flags_of_any_type_are_read(void **state)
{
    static const int want[] = {0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1};
    rows_t rows = migrated(
        scratch("flags.db"),
        "CREATE TABLE messages (id INTEGER PRIMARY KEY, username, message, timestamp, date, edited);"
        "INSERT INTO messages (username, message, timestamp, edited) VALUES ('a', 'x', 1714572309, NULL),"
        "  ('a', 'x', 1714572309, 0), ('a', 'x', 1714572309, 0.0), ('a', 'x', 1714572309, ''),"
        "  ('a', 'x', 1714572309, '0'), ('a', 'x', 1714572309, 'False'), ('a', 'x', 1714572309, 'no'),"
        "  ('a', 'x', 1714572309, 1), ('a', 'x', 1714572309, 'true'), ('a', 'x', 1714572309, 'yes'),"
        "  ('a', 'x', 1714572309, '14:05'), ('a', 'x', 1714572309, 1714572310);");

    (void)state;
    assert_int_equal(rows.n, COUNT(want));
    for (int i = 0; i < rows.n; ++i)
        assert_int_equal(rows.list[i].edited, want[i] ? AT(14, 5, 9) : 0);
}

static void spoilt_text_is_repaired(void **state)
{
    rows_t rows =
        migrated(scratch("spoilt.db"),
                 "CREATE TABLE messages (id INTEGER PRIMARY KEY, username, message, timestamp, date, edited);"
                 "INSERT INTO messages VALUES (1, CAST(x'61FF62' AS TEXT), CAST(x'C3' AS TEXT), 0, 0, 0),"
                 "  (2, x'', x'EDA08041', 0, 0, 0), (3, 'a', CAST(x'610062' AS TEXT), 0, 0, 0),"
                 "  (4, 5, 6.5, 0, 0, 0), (5, 'a', CAST(x'E282AC' AS TEXT), 0, 0, 0);");

    (void)state;
    assert_int_equal(rows.n, 5);
    assert_string_equal(rows.list[0].name, "a\xef\xbf\xbd"
                                           "b");
    assert_memory_equal(rows.list[0].text, "\xef\xbf\xbd", 3);
    assert_string_equal(rows.list[1].name, "unknown");
    assert_memory_equal(rows.list[1].text,
                        "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                        "A",
                        10);
    assert_memory_equal(rows.list[2].text,
                        "a\xef\xbf\xbd"
                        "b",
                        5);
    assert_string_equal(rows.list[3].name, "5");
    assert_memory_equal(rows.list[3].text, "6.5", 3);
    assert_memory_equal(rows.list[4].text, "\xe2\x82\xac", 3);
}

/* a table that never made its ids unique numbers: no row is lost, and good ids stay */
static void strange_ids_lose_no_row(void **state)
{
    rows_t rows = migrated(scratch("ids.db"),
                           "CREATE TABLE messages (id, username, message, timestamp, date, edited);"
                           "INSERT INTO messages (id, username, message) VALUES ('9', 'a', 'nine'),"
                           "  (NULL, 'a', 'none'), ('x', 'a', 'x'), (4, 'a', 'four'), (-1, 'a', 'minus'),"
                           "  (4, 'a', 'four again'), (9223372036854775807, 'a', 'huge');");

    (void)state;
    assert_int_equal(rows.n, 7);
    assert_int_equal(rows.list[0].id, 4);
    assert_memory_equal(rows.list[0].text, "four", 5);
    assert_int_equal(rows.list[1].id, 5);
    assert_int_equal(rows.list[2].id, 9);
    assert_memory_equal(rows.list[2].text, "nine", 5);
    for (int i = 1; i < rows.n; ++i)
        assert_true(rows.list[i].id > rows.list[i - 1].id && rows.list[i].id < 100);
}

/* without room for the copy nothing happens at all; with room, all does */
static void no_copy_no_migration(void **state)
{
    const char *path = scratch("tight.db");
    struct rlimit limit;
    size_t len = 0, after_len = 0;
    char *before, *after;

    (void)state;
    run_sql(path,
            "CREATE TABLE messages (id INTEGER PRIMARY KEY, username, message, timestamp, date, edited);"
            "INSERT INTO messages (message) VALUES (hex(zeroblob(20000)))");
    before = slurp(path, &len);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 8192;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_null(cbx_store_open(path, true, why, sizeof(why)));
    limit.rlim_cur = RLIM_INFINITY;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_non_null(strstr(why, "cannot copy it to"));
    after = slurp(path, &after_len);
    assert_int_equal(len, after_len);
    assert_memory_equal(before, after, len);
    free(before);
    free(after);
    assert_false(exists(scratch("tight.db.v0.bak")));
    assert_false(exists(scratch("tight.db.v0.bak.part")));
    cbx_store_close(cbx_store_open(path, true, why, sizeof(why)));
    assert_string_equal(ask(path, "SELECT length(message) FROM messages"), "40000");
}

/* a step that fails leaves the old database, and a new one that cannot be made leaves no file */
static void a_failed_step_leaves_no_trace(void **state)
{
    const char *path = scratch("failed.db"), *fresh = scratch("never.db");
    struct rlimit limit;

    (void)state;
    run_sql(path,
            "CREATE TABLE messages (id INTEGER PRIMARY KEY, username, message, timestamp, date, edited);"
            "CREATE INDEX messages_rev ON messages (date);" /* our own name for an index of ours */
            "INSERT INTO messages (message) VALUES ('still here')");
    assert_null(cbx_store_open(path, true, why, sizeof(why)));
    assert_non_null(strstr(why, "failed.db"));
    assert_string_equal(ask(path, "SELECT message FROM messages"), "still here");
    assert_string_equal(ask(path, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"), "1");
    assert_string_equal(ask(path, "PRAGMA application_id"), "0");
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_null(cbx_store_open(fresh, true, why, sizeof(why)));
    limit.rlim_cur = RLIM_INFINITY;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_non_null(strstr(why, "never.db"));
    assert_false(exists(fresh));
    assert_false(exists(scratch("never.db-journal")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_files_are_left_alone),
        cmocka_unit_test(what_is_no_database_is_refused),
        cmocka_unit_test(a_cut_database_is_refused),
        cmocka_unit_test(a_newer_one_is_refused),
        cmocka_unit_test(looking_makes_nothing),
        cmocka_unit_test(a_new_one_is_as_described),
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(the_original_is_migrated),
        cmocka_unit_test(the_copy_is_the_original),
        cmocka_unit_test(a_copy_is_never_overwritten),
        cmocka_unit_test(a_migrated_file_is_its_owners),
        cmocka_unit_test(one_in_wal_mode_is_migrated),
        cmocka_unit_test(an_empty_original_is_migrated),
        cmocka_unit_test(flags_of_any_type_are_read),
        cmocka_unit_test(spoilt_text_is_repaired),
        cmocka_unit_test(strange_ids_lose_no_row),
        cmocka_unit_test(no_copy_no_migration),
        cmocka_unit_test(a_failed_step_leaves_no_trace),
    };

    return cmocka_run_group_tests(tests, NULL, remove_scratch);
}
