/* schema.c -- whose database is it, and the steps that make it one of today.
 *
 * A file is looked at before anything may write to it: our application id, or nothing in it, or exactly the
 * one table of the original program; whatever else it is belongs to somebody else and stays as it is, byte
 * for byte. Steps are numbered by the version they make, and each runs in one transaction, so a crash leaves
 * the old version or the new one.
 */
#include "store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/original.h"
#include "store/sqlite.h"

typedef enum kind { EMPTY, ORIGINAL, OURS, FOREIGN, UNREADABLE } kind_t;

typedef struct identity {
    kind_t kind;
    int version; /* 0: before there were versions */
} identity_t;

#define IS_ORIGINAL                                                                                          \
    "SELECT (SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'messages' COLLATE NOCASE) " \
    "AND (SELECT count(*) FROM sqlite_schema WHERE type <> 'index' AND name NOT LIKE 'sqlite!_%' ESCAPE "    \
    "'!') = 1 AND (SELECT group_concat(name) FROM (SELECT lower(name) AS name FROM "                         \
    "pragma_table_xinfo('messages') ORDER BY 1)) = 'date,edited,id,message,timestamp,username'"

/* `kind` is the enum of wire/types.h; UNIQUE (user_id, cid) makes a message stored once, and lets any number
 * of rows be nobody's. Each further index on messages would cost a third of the insert rate. */
static const char make_tables[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE users ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  username TEXT NOT NULL COLLATE NOCASE,"
    "  display_name TEXT NOT NULL,"
    "  password_hash TEXT," /* NULL: a guest */
    "  created_at INTEGER NOT NULL,"
    "  last_seen INTEGER NOT NULL,"
    "  released INTEGER NOT NULL DEFAULT 0);" /* 1: the name is free for somebody else */
    "CREATE UNIQUE INDEX users_name ON users (username) WHERE released = 0;"
    "CREATE TABLE rooms ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  kind INTEGER NOT NULL,"
    "  name TEXT NOT NULL,"
    "  topic TEXT NOT NULL DEFAULT '',"
    "  rev INTEGER NOT NULL DEFAULT 0,"
    "  owner_id INTEGER REFERENCES users (id),"
    "  created_at INTEGER NOT NULL);"
    "CREATE TABLE messages ("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  username TEXT NOT NULL,"
    "  message TEXT NOT NULL,"
    "  timestamp INTEGER NOT NULL,"        /* ms */
    "  date TEXT NOT NULL,"                /* of the timestamp, UTC */
    "  edited INTEGER NOT NULL DEFAULT 0," /* ms */
    "  room_id INTEGER NOT NULL REFERENCES rooms (id),"
    "  user_id INTEGER REFERENCES users (id)," /* NULL: a row of the original program */
    "  rev INTEGER NOT NULL,"
    "  cid TEXT NOT NULL,"
    "  deleted INTEGER NOT NULL DEFAULT 0,"
    "  UNIQUE (user_id, cid));"
    "CREATE INDEX messages_id ON messages (room_id, id);"
    "CREATE INDEX messages_rev ON messages (room_id, rev);"
    "CREATE TABLE members ("
    "  room_id INTEGER NOT NULL REFERENCES rooms (id),"
    "  user_id INTEGER NOT NULL REFERENCES users (id),"
    "  read_id INTEGER NOT NULL DEFAULT 0,"
    "  joined_id INTEGER NOT NULL DEFAULT 0,"
    "  PRIMARY KEY (room_id, user_id)) WITHOUT ROWID;"
    "CREATE INDEX members_user ON members (user_id);"
    "CREATE TABLE sessions ("
    "  jti TEXT PRIMARY KEY,"
    "  user_id INTEGER NOT NULL REFERENCES users (id),"
    "  expires_at INTEGER NOT NULL) WITHOUT ROWID;" /* s, as in the token */
    "CREATE INDEX sessions_user ON sessions (user_id);"
    "INSERT INTO rooms (id, kind, name, created_at) VALUES (1, 0, 'general', unixepoch() * 1000);"
    "INSERT INTO meta (key, value) VALUES ('epoch', lower(hex(randomblob(8))));";

static bool say(char *why, size_t why_len, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* false, for the caller to pass on */
static bool say(char *why, size_t why_len, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(why, why_len, fmt, args);
    va_end(args);
    return false;
}

static bool run(sqlite3 *db, const char *sql)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/* -- looking -- */

/* the one number that `sql` gives; false when it gives none */
static bool read_int(sqlite3 *db, const char *sql, int *value)
{
    sqlite3_stmt *stmt = NULL;
    bool found =
        sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW;

    if (found)
        *value = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return found;
}

static identity_t identify(sqlite3 *db)
{
    identity_t is = {FOREIGN, 0};
    int application, objects, original;

    if (!read_int(db, "PRAGMA application_id", &application) ||
        !read_int(db, "SELECT count(*) FROM sqlite_schema", &objects) ||
        !read_int(db, IS_ORIGINAL, &original))
        is.kind = UNREADABLE;
    else if (application == CBX_APPLICATION_ID &&
             read_int(db, "SELECT value FROM meta WHERE key = 'schema'", &is.version) && is.version > 0)
        is.kind = OURS;
    else if (application == 0 && objects == 0)
        is.kind = EMPTY;
    else if (application == 0 && original)
        is.kind = ORIGINAL;
    return is;
}

static bool judge(sqlite3 *db, const char *path, char *why, size_t why_len)
{
    identity_t is = identify(db);

    if (is.kind == UNREADABLE)
        return say(why, why_len, "%s: %s", path, sqlite3_errmsg(db));
    if (is.kind == FOREIGN)
        return say(why, why_len, "%s is no database of Chatterbox", path);
    if (is.version > CBX_SCHEMA_VERSION)
        return say(why, why_len, "%s was written by a newer Chatterbox (schema %d; this one knows %d)", path,
                   is.version, CBX_SCHEMA_VERSION);
    return true;
}

static bool holds_bytes(const char *path, const char *suffix)
{
    char *name = sqlite3_mprintf("%s%s", path, suffix);
    struct stat st;
    bool holds = name != NULL && stat(name, &st) == 0 && st.st_size != 0;

    sqlite3_free(name);
    return holds;
}

/* Where no log or journal is at hand, SQLite is told that the file is immutable: then it makes no files
 * beside it, and takes no lock. Where there is one, it is read through it, and left there. */
static bool look_inside(const char *path, char *why, size_t why_len)
{
    bool beside = holds_bytes(path, "-wal") || holds_bytes(path, "-journal");
    int flags =
        SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | (beside ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
    char *uri = cbx_sqlite_uri(path, beside ? "" : "?immutable=1");
    sqlite3 *db = NULL;
    bool good;

    if (sqlite3_open_v2(uri, &db, flags, NULL) == SQLITE_OK) {
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
        good = judge(db, path, why, why_len);
    } else {
        good = say(why, why_len, "%s: %s", path, sqlite3_errmsg(db));
    }
    sqlite3_close(db);
    free(uri);
    return good;
}

/* SQLite makes its log beside the file, so the directory must let us write as well */
static bool may_write_beside(const char *path, char *why, size_t why_len)
{
    char *copy = cbx_strdup(path);
    const char *dir = dirname(copy);
    bool good = access(dir, W_OK | X_OK) == 0 || say(why, why_len, "%s: %s", dir, strerror(errno));

    free(copy);
    return good;
}

bool cbx_schema_look(const char *path, bool *fresh, char *why, size_t why_len)
{
    struct stat st;

    *fresh = false;
    if (*path == '\0')
        return say(why, why_len, "the path of the database is empty");
    if (stat(path, &st) != 0) {
        *fresh = errno == ENOENT;
        return *fresh ? may_write_beside(path, why, why_len)
                      : say(why, why_len, "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode))
        return say(why, why_len, "%s is %s", path,
                   S_ISDIR(st.st_mode) ? "a directory" : "not a regular file");
    if (access(path, R_OK | W_OK) != 0)
        return say(why, why_len, "%s: %s", path, strerror(errno));
    return may_write_beside(path, why, why_len) && look_inside(path, why, why_len);
}

/* -- the copy -- */

static int copy_all(sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");

    if (backup == NULL)
        return sqlite3_errcode(to);
    sqlite3_backup_step(backup, -1);
    return sqlite3_backup_finish(backup);
}

/* a file that only its owner reads, as the database */
static int copy_to(sqlite3 *db, const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), rc = SQLITE_CANTOPEN;
    char *uri = cbx_sqlite_uri(path, "");
    sqlite3 *to = NULL;

    if (fd >= 0) {
        close(fd);
        if ((rc = sqlite3_open_v2(uri, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI, NULL)) == SQLITE_OK)
            rc = copy_all(db, to);
        if (sqlite3_close(to) != SQLITE_OK && rc == SQLITE_OK)
            rc = SQLITE_IOERR;
    }
    free(uri);
    return rc;
}

/* "<path>.v<version>.bak"; where that is taken, by an older life of this database, "….2.bak" and so on */
static char *free_name(const char *path, int version)
{
    char *name = sqlite3_mprintf("%s.v%d.bak", path, version);
    struct stat st;

    for (int n = 2; name != NULL && lstat(name, &st) == 0; ++n) {
        sqlite3_free(name);
        name = sqlite3_mprintf("%s.v%d.%d.bak", path, version, n);
    }
    CBX_ASSERT(name != NULL);
    return name;
}

/* under another name first: an interrupted copy never passes for a whole one */
static bool back_up(sqlite3 *db, const char *path, int version, char *why, size_t why_len)
{
    char *name = free_name(path, version), *part = sqlite3_mprintf("%s.part", name);
    int rc;

    CBX_ASSERT(part != NULL);
    if ((rc = copy_to(db, part)) == SQLITE_OK && rename(part, name) != 0)
        rc = SQLITE_IOERR;
    if (rc != SQLITE_OK) {
        say(why, why_len, "%s: cannot copy it to %s before changing it: %s", path, name, sqlite3_errstr(rc));
        unlink(part);
    }
    sqlite3_free(part);
    sqlite3_free(name);
    return rc == SQLITE_OK;
}

/* -- the steps -- */

/* the original program let everybody read its files; ours hold password hashes and private rooms */
static bool close_to_others(const char *path, char *why, size_t why_len)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    bool good = true;

    for (size_t i = 0; good && i != sizeof(suffixes) / sizeof(suffixes[0]); ++i) {
        char *name = sqlite3_mprintf("%s%s", path, suffixes[i]);

        CBX_ASSERT(name != NULL);
        if (chmod(name, 0600) != 0 && errno != ENOENT)
            good = say(why, why_len, "%s: cannot keep others from reading it: %s", name, strerror(errno));
        sqlite3_free(name);
    }
    return good;
}

static bool to_version_1(sqlite3 *db, identity_t from)
{
    if (from.kind == EMPTY)
        return run(db, make_tables);
    return run(db, "ALTER TABLE messages RENAME TO original_messages") && run(db, make_tables) &&
           cbx_original_import(db) && run(db, "DROP TABLE original_messages");
}

/* public rooms have names of their own, and two users one direct room (its name is a key made of both); what
 * private rooms (kind 1) are called is their members' business */
static bool to_version_2(sqlite3 *db, identity_t from)
{
    (void)from;
    return run(db, "CREATE UNIQUE INDEX rooms_name ON rooms (kind, name COLLATE NOCASE) WHERE kind <> 1;"
                   "CREATE INDEX members_read ON members (room_id, read_id)");
}

/* who leaves a room keeps the row: what he has read stays read, also when he comes back */
static bool to_version_3(sqlite3 *db, identity_t from)
{
    (void)from;
    return run(db, "ALTER TABLE members ADD COLUMN here INTEGER NOT NULL DEFAULT 1");
}

static bool (*const steps[CBX_SCHEMA_VERSION])(sqlite3 *db, identity_t from) = {to_version_1, to_version_2,
                                                                                to_version_3};

static bool set_version(sqlite3 *db, int version)
{
    char sql[160];

    snprintf(sql, sizeof(sql),
             "INSERT OR REPLACE INTO meta (key, value) VALUES ('schema', %d); PRAGMA application_id = %d;",
             version, CBX_APPLICATION_ID);
    return run(db, sql);
}

static bool step(sqlite3 *db, identity_t from)
{
    return run(db, "BEGIN IMMEDIATE") && steps[from.version](db, from) && set_version(db, from.version + 1) &&
           run(db, "COMMIT");
}

bool cbx_schema_migrate(sqlite3 *db, const char *path, char *why, size_t why_len)
{
    const char *name = path != NULL ? path : ":memory:";
    identity_t is = identify(db);

    if (!judge(db, name, why, why_len))
        return false;
    if (is.version == CBX_SCHEMA_VERSION)
        return true;
    if (path != NULL && is.kind != EMPTY && !back_up(db, path, is.version, why, why_len))
        return false;
    if (path != NULL && is.kind == ORIGINAL && !close_to_others(path, why, why_len))
        return false;
    for (; is.version < CBX_SCHEMA_VERSION; is = (identity_t){OURS, is.version + 1}) {
        if (!step(db, is)) {
            say(why, why_len, "%s: %s", name, sqlite3_errmsg(db));
            if (!sqlite3_get_autocommit(db))
                run(db, "ROLLBACK");
            return false;
        }
    }
    return true;
}
