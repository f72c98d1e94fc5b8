/* sqlite.c -- the SQLite store: connections, transactions and checkpoints. Statements run in sql.c; what is
 * asked of them is in rooms.c, messages.c and users.c; what a database looks like inside, in schema.c.
 *
 * The log (WAL) is moved into the file only when the core says so: a checkpoint in the middle of a batch
 * would stall everybody. ":memory:" is a shared memdb, where readers see the writer's data; it has no log,
 * and its readers and its writer wait for each other by the busy handler.
 */
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"
#include "store/schema.h"

#define BUSY_MS 1000 /* somebody else writes: a backup, a shell; the core waits with everybody behind it */

/* -- connections -- */

char *cbx_sqlite_uri(const char *path, const char *query)
{
    cbx_buf_t uri = {NULL, 0, 0};
    char escaped[4];

    cbx_buf_puts(&uri, *path == '/' ? "file://" : "file:");
    for (; *path != '\0'; ++path) {
        if (strchr("%?#", *path) != NULL) {
            snprintf(escaped, sizeof(escaped), "%%%02X", (unsigned char)*path);
            cbx_buf_puts(&uri, escaped);
        } else {
            cbx_buf_append(&uri, path, 1);
        }
    }
    cbx_buf_puts(&uri, query);
    cbx_buf_append(&uri, "", 1);
    return uri.bytes;
}

static char *memory_uri(void)
{
    uint64_t random;

    sqlite3_randomness(sizeof(random), &random);
    return cbx_strdup(cbx_log_fmt("file:/chatterbox-%016llx?vfs=memdb", (unsigned long long)random));
}

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((cbx_store_t *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

/* takes `uri`; a store whose `db` may be in error: the caller looks at `*rc` */
static cbx_store_t *connect_to(char *uri, bool memory, int flags, int *rc)
{
    cbx_store_t *store = cbx_zalloc(sizeof(*store));

    store->uri = uri;
    store->memory = memory;
    cbx_place_init(&store->place);
    store->erased = true; /* what an earlier process left in the log, nobody knows */
    flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;
    if ((*rc = sqlite3_open_v2(uri, &store->db, flags, NULL)) != SQLITE_OK)
        return store;
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    *rc = sqlite3_exec(store->db,
                       "PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;"
                       "PRAGMA wal_autocheckpoint = 0;",
                       NULL, NULL, NULL);
    return store;
}

void cbx_store_close(cbx_store_t *store)
{
    int busy;

    if (store == NULL)
        return;
    cbx_store_rollback(store);
    for (int i = 0; i < CBX_SQL_COUNT; ++i)
        sqlite3_finalize(store->stmts[i]);
    busy = sqlite3_close(store->db);
    CBX_ASSERT(busy == SQLITE_OK);
    cbx_place_leave(&store->place);
    free(store->uri);
    free(store);
}

/* reads the one text that `sql` gives */
static bool read_text(sqlite3 *db, const char *sql, char *text, size_t size)
{
    sqlite3_stmt *stmt = NULL;
    const unsigned char *value = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW &&
        (value = sqlite3_column_text(stmt, 0)) != NULL)
        snprintf(text, size, "%s", (const char *)value);
    sqlite3_finalize(stmt);
    return value != NULL;
}

static bool start_log(cbx_store_t *store, bool synchronous_full)
{
    char mode[16] = "";

    if (!store->memory &&
        (!read_text(store->db, "PRAGMA journal_mode = WAL", mode, sizeof(mode)) || strcmp(mode, "wal") != 0))
        return false;
    sqlite3_wal_hook(store->db, on_commit, store);
    return sqlite3_exec(store->db,
                        synchronous_full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", NULL,
                        NULL, NULL) == SQLITE_OK;
}

/* what `why` says when SQLite has the reason; false, for the caller to pass on */
static bool because(const cbx_store_t *store, const char *path, char *why, size_t why_len)
{
    snprintf(why, why_len, "%s: %s", path, sqlite3_errmsg(store->db));
    return false;
}

static bool make_ready(cbx_store_t *store, const char *path, bool synchronous_full, char *why, size_t why_len)
{
    if (!cbx_schema_migrate(store->db, store->memory ? NULL : path, why, why_len))
        return false;
    if (!start_log(store, synchronous_full) ||
        !read_text(store->db, "SELECT value FROM meta WHERE key = 'epoch'", store->epoch,
                   sizeof(store->epoch)))
        return because(store, path, why, why_len);
    return true;
}

/* an empty file that only its owner reads: it will hold what people say to each other */
static bool make_file(const char *path, char *why, size_t why_len)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0) {
        snprintf(why, why_len, "%s: %s", path, strerror(errno));
        return false;
    }
    close(fd);
    return true;
}

static bool is_memory(const char *path)
{
    return strcmp(path, ":memory:") == 0;
}

void cbx_store_wait(const char *path)
{
    if (!is_memory(path))
        cbx_place_wait(path);
}

void cbx_store_let_go(cbx_store_t *store)
{
    cbx_store_move_log(store, NULL);
    cbx_store_erase(store);
    store->let_go = true;
    if (cbx_place_let_go(&store->place))
        cbx_log(CBX_LOG_INFO, "database-let-go", NULL);
}

static cbx_store_t *open_locked(const char *path, bool memory, bool fresh, bool synchronous_full, char *why,
                                size_t why_len)
{
    cbx_store_t *store;
    int rc;

    if (fresh && !memory && !make_file(path, why, why_len))
        return NULL;
    store = connect_to(memory ? memory_uri() : cbx_sqlite_uri(path, ""), memory,
                       memory ? SQLITE_OPEN_CREATE : 0, &rc);
    if (rc != SQLITE_OK)
        because(store, path, why, why_len);
    else if (make_ready(store, path, synchronous_full, why, why_len))
        return store;
    cbx_store_close(store);
    if (fresh && !memory)
        unlink(path);
    return NULL;
}

cbx_store_t *cbx_store_open(const char *path, bool synchronous_full, char *why, size_t why_len)
{
    bool memory = is_memory(path), fresh = false;
    cbx_store_t *store = NULL;
    cbx_place_t place;

    cbx_place_init(&place);
    if (memory || (cbx_schema_look(path, &fresh, why, why_len) && cbx_place_take(&place, path, why, why_len)))
        store = open_locked(path, memory, fresh, synchronous_full, why, why_len);
    if (store != NULL && !cbx_place_note(&place)) {
        snprintf(why, why_len, "%s: somebody removes it at this moment", path);
        cbx_store_close(store);
        store = NULL;
    }
    if (store != NULL)
        store->place = place;
    else
        cbx_place_leave(&place);
    return store;
}

bool cbx_store_check(const char *path, char *why, size_t why_len)
{
    bool fresh;

    return is_memory(path) || cbx_schema_look(path, &fresh, why, why_len);
}

cbx_store_t *cbx_store_open_reader(const cbx_store_t *to)
{
    int rc;
    cbx_store_t *store = connect_to(cbx_strdup(to->uri), to->memory, 0, &rc);

    store->reader = true;
    memcpy(store->epoch, to->epoch, sizeof(store->epoch));
    if (rc == SQLITE_OK) /* what is read now opens the log, too, while all of it is known to be ours */
        rc = sqlite3_exec(store->db, "PRAGMA query_only = ON; SELECT count(*) FROM meta", NULL, NULL, NULL);
    if (rc == SQLITE_OK && cbx_place_is_ours(&to->place))
        return store;
    cbx_sql_failed(store, "open_reader");
    cbx_store_close(store);
    return NULL;
}

const char *cbx_store_epoch(const cbx_store_t *store)
{
    return store->epoch;
}

/* -- transactions -- */

cbx_err_t cbx_store_begin(cbx_store_t *store)
{
    cbx_err_t err;

    CBX_ASSERT(!store->reader && !store->begun && !store->let_go);
    CBX_FAULT("before-begin");
    err = cbx_sql_run(store, CBX_SQL_BEGIN);
    store->begun = err == CBX_OK;
    return err;
}

cbx_err_t cbx_store_commit(cbx_store_t *store)
{
    cbx_err_t err;

    CBX_ASSERT(store->begun);
    if (!cbx_place_is_ours(&store->place)) {
        cbx_sql_complain(store, "COMMIT", SQLITE_READONLY_DBMOVED,
                         "the database or its log was removed or replaced: put it back, or restart");
        return CBX_ERR_STORAGE_UNAVAILABLE;
    }
    CBX_FAULT("before-commit");
    err = cbx_sql_run(store, CBX_SQL_COMMIT); /* fails, too, when SQLite gave up the transaction before */
    store->begun = err != CBX_OK;
    CBX_FAULT("after-commit");
    return err;
}

void cbx_store_rollback(cbx_store_t *store)
{
    store->begun = false;
    if (store->db != NULL && !sqlite3_get_autocommit(store->db))
        cbx_sql_run(store, CBX_SQL_ROLLBACK);
}

cbx_err_t cbx_store_probe(cbx_store_t *store)
{
    cbx_err_t err;

    sqlite3_busy_timeout(store->db, 0); /* it comes again */
    if ((err = cbx_store_begin(store)) == CBX_OK &&
        (err = cbx_sql_change(store, CBX_SQL_PROBE, "i", cbx_clock_wall())) == CBX_OK)
        err = cbx_store_commit(store);
    if (err == CBX_OK)
        store->told = 0;
    cbx_store_rollback(store);
    sqlite3_busy_timeout(store->db, BUSY_MS);
    return err;
}

int cbx_store_log_pages(const cbx_store_t *store)
{
    return store->wal_pages;
}

/* A log that is cut to nothing must grow again, and then each sync writes its length, too: so it is cut only
 * for what may not stay in it. */
void cbx_store_empty_log(cbx_store_t *store)
{
    int how = store->erased ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_RESTART;

    CBX_ASSERT(!store->begun);
    if (store->memory || store->let_go)
        return;
    sqlite3_busy_timeout(store->db, 0); /* readers are not waited for */
    if (sqlite3_wal_checkpoint_v2(store->db, "main", how, NULL, NULL) == SQLITE_OK) {
        store->erased = false;
        store->wal_pages = 0;
    }
    sqlite3_busy_timeout(store->db, BUSY_MS);
}

/* SQLite syncs the database file only when all of the log is in it. While the core goes on writing that is
 * never so, and it would be left to whom the log begins anew with: tens of MB at once, on the core's thread.
 */
static int sync_file(cbx_store_t *store)
{
    sqlite3_file *file = NULL;
    int rc = sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);

    return rc == SQLITE_OK ? file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY) : rc;
}

cbx_err_t cbx_store_move_log(cbx_store_t *store, int *moved)
{
    int in_log = 0, in_file = 0;

    CBX_ASSERT(!store->begun && !store->let_go);
    if (!store->memory && (sqlite3_wal_checkpoint_v2(store->db, "main", SQLITE_CHECKPOINT_PASSIVE, &in_log,
                                                     &in_file) != SQLITE_OK ||
                           (in_log != in_file && sync_file(store) != SQLITE_OK)))
        return cbx_sql_failed(store, "checkpoint");
    if (in_log == in_file)
        store->wal_pages = 0;
    if (moved != NULL)
        *moved = in_file;
    return CBX_OK;
}

void cbx_store_erase(cbx_store_t *store)
{
    if (store->erased && !store->let_go && cbx_store_move_log(store, NULL) == CBX_OK && store->wal_pages == 0)
        cbx_store_empty_log(store);
}

cbx_err_t cbx_store_snapshot(cbx_store_t *store)
{
    CBX_ASSERT(store->reader);
    return cbx_sql_run(store, CBX_SQL_SNAPSHOT);
}

void cbx_store_snapshot_end(cbx_store_t *store)
{
    CBX_ASSERT(store->reader);
    cbx_store_rollback(store);
}
