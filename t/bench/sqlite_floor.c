/* sqlite_floor.c -- SQLite alone: how many messages a second a disk takes, one by one and several to a
 * commit.
 *
 *     sqlite_floor FOLDER [SECONDS] [ROWS]     makes and removes FOLDER/floor.db; 3 s each; 32 rows a commit
 *
 * The table and its indexes are the store's own (the store makes the file), WAL, synchronous FULL, foreign
 * keys on. What is left out is all that the server does besides: sockets, JSON, the revs of rooms. And what
 * one sync takes on this disk, of about as many new bytes as a commit of one row writes. A line for people on
 * stderr, JSON on stdout.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/store.h"

enum {
    TEXT = 64,               /* bytes of a text */
    SYNC_BYTES = 16 * 1024,  /* a commit of one row: the leaves of the table and its indexes */
    SYNC_FILE = 4096 * 1024, /* written round and round, as a log is that has begun anew */
    SYNCS_MAX = 100000
};

static sqlite3 *db;
static sqlite3_stmt *insert;
static int64_t rows;

static _Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fputs("sqlite_floor: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static void must(int status)
{
    if (status != SQLITE_OK)
        die("%s", sqlite3_errmsg(db));
}

/* an empty database of ours with one user in it, whose id is returned */
static int64_t make_database(const char *path)
{
    cbx_user_t user = {.username = "floor", .display_name = "floor", .guest = true};
    char why[512];
    cbx_store_t *store = cbx_store_open(path, true, why, sizeof(why));

    if (store == NULL)
        die("%s", why);
    if (cbx_store_begin(store) != CBX_OK ||
        cbx_store_add_user(store, &user, NULL, cbx_clock_wall()) != CBX_OK ||
        cbx_store_commit(store) != CBX_OK)
        die("no user");
    cbx_store_close(store);
    return user.id;
}

static void open_database(const char *path)
{
    must(sqlite3_open(path, &db));
    must(sqlite3_exec(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON", NULL,
                      NULL, NULL));
    must(sqlite3_prepare_v2(
        db,
        "INSERT INTO messages (username, message, timestamp, date, room_id, user_id, rev, cid)"
        " VALUES ('floor', ?1, ?2, '2026-11-22', 1, ?3, ?4, ?5)",
        -1, &insert, NULL));
}

static void insert_row(int64_t user)
{
    static char text[TEXT + 1];
    char cid[32];

    memset(text, 'x', TEXT);
    ++rows;
    snprintf(cid, sizeof(cid), "%" PRIx64, (uint64_t)rows);
    sqlite3_bind_text(insert, 1, text, TEXT, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 2, cbx_clock_wall());
    sqlite3_bind_int64(insert, 3, user);
    sqlite3_bind_int64(insert, 4, rows);
    sqlite3_bind_text(insert, 5, cid, -1, SQLITE_TRANSIENT);
    if (sqlite3_step(insert) != SQLITE_DONE)
        die("%s", sqlite3_errmsg(db));
    sqlite3_reset(insert);
}

/* rows a second */
static double measure(int64_t user, int per_commit, double seconds)
{
    int64_t start = cbx_clock_steady(), before = rows, now;

    do {
        sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
        for (int i = 0; i != per_commit; ++i)
            insert_row(user);
        must(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
        now = cbx_clock_steady();
    } while ((double)(now - start) < seconds * 1000);
    return (double)(rows - before) * 1000 / (double)(now - start);
}

/* -- one sync -- */

static double syncs[SYNCS_MAX]; /* ms */
static int sync_count;

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double percentile(double share)
{
    return syncs[(int)(share * (sync_count - 1))];
}

/* fills `syncs`, in order of size */
static void measure_syncs(const char *path, double seconds)
{
    static char bytes[SYNC_BYTES];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    double start = now_ms(), before;

    do {
        off_t at = (off_t)sync_count * SYNC_BYTES % SYNC_FILE;

        if (pwrite(fd, bytes, SYNC_BYTES, at) != SYNC_BYTES)
            die("%s: %s", path, strerror(errno));
        before = now_ms();
        if (fdatasync(fd) != 0)
            die("%s: %s", path, strerror(errno));
        syncs[sync_count++] = now_ms() - before;
    } while (sync_count != SYNCS_MAX && now_ms() - start < seconds * 1000);
    close(fd);
    unlink(path);
    qsort(syncs, (size_t)sync_count, sizeof(syncs[0]), by_size);
}

static void remove_database(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    char name[4200];

    for (size_t i = 0; i != sizeof(ends) / sizeof(ends[0]); ++i) {
        snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        unlink(name);
    }
}

int main(int argc, char **argv)
{
    double seconds = argc > 2 ? atof(argv[2]) : 3, one, many;
    int per_commit = argc > 3 ? atoi(argv[3]) : 32;
    char path[4100];
    int64_t user;

    if (argc < 2 || argc > 4 || seconds <= 0 || per_commit < 1) {
        fputs("usage: sqlite_floor FOLDER [SECONDS] [ROWS]\n", stderr);
        return 2;
    }
    snprintf(path, sizeof(path), "%s/floor.db", argv[1]);
    remove_database(path);
    user = make_database(path);
    open_database(path);
    one = measure(user, 1, seconds);
    many = measure(user, per_commit, seconds);
    sqlite3_finalize(insert);
    sqlite3_close(db);
    remove_database(path);
    measure_syncs(path, seconds);
    fprintf(stderr,
            "SQLite alone: %.0f rows/s one a commit, %.0f rows/s with %d a commit; a sync p50 %.3f ms, "
            "p99 %.3f ms\n",
            one, many, per_commit, percentile(0.5), percentile(0.99));
    printf("{\"one_per_s\":%.1f,\"many_per_s\":%.1f,\"rows_per_commit\":%d,\"sync_p50_ms\":%.4f,"
           "\"sync_p99_ms\":%.4f}\n",
           one, many, per_commit, percentile(0.5), percentile(0.99));
    return 0;
}
