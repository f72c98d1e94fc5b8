/* sqlite.h -- what the files of the SQLite store share: the connection, its statements, and how to run one.
 *
 * A statement runs in three words: cbx_sql lends it bound, cbx_sql_row steps, cbx_sql_done gives it back and
 * tells how it went. All three are harmless with NULL, so every way of failing meets at cbx_sql_done:
 *
 *     stmt = cbx_sql(store, CBX_SQL_ROOMS_OF, "i", user_id);
 *     while (cbx_sql_row(stmt))
 *         ...
 *     return cbx_sql_done(store, stmt);
 */
#ifndef cbx_store_sqlite_h
#define cbx_store_sqlite_h

#include <sqlite3.h>

#include "store/place.h"
#include "store/store.h"

#define CBX_COLS_MESSAGE "id, room_id, rev, user_id, timestamp, edited, deleted, username, cid, message"
#define CBX_COLS_USER "id, username, display_name, password_hash, last_seen"
#define CBX_COLS_ROOM "id, rev, " CBX_LAST_ID("rooms.id") ", coalesce(owner_id, 0), kind, name, topic"
#define CBX_LAST_ID(room) "coalesce((SELECT max(id) FROM messages WHERE room_id = " room "), 0)"

/* every statement that runs more than once: prepared at first use, kept until the connection closes.
 * `+id` keeps the planner from the index by id: the one by rev finds the highest at once. */
#define CBX_SQL(X)                                                                                           \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                              \
    X(COMMIT, "COMMIT")                                                                                      \
    X(ROLLBACK, "ROLLBACK")                                                                                  \
    X(SNAPSHOT, "BEGIN")                                                                                     \
    X(PROBE, "INSERT INTO meta (key, value) VALUES ('probe', ?1) "                                           \
             "ON CONFLICT (key) DO UPDATE SET value = excluded.value")                                       \
    /* rooms and members */                                                                                  \
    X(ROOMS, "SELECT " CBX_COLS_ROOM " FROM rooms ORDER BY id")                                              \
    X(ROOM, "SELECT " CBX_COLS_ROOM " FROM rooms WHERE id = ?1")                                             \
    X(ADD_ROOM, "INSERT INTO rooms (kind, name, topic, owner_id, created_at) VALUES (?1, ?2, ?3, ?4, ?5) "   \
                "ON CONFLICT DO NOTHING")                                                                    \
    X(EDIT_ROOM, "UPDATE OR IGNORE rooms SET name = ?2, topic = ?3, owner_id = ?4 WHERE id = ?1")            \
    X(DIRECT, "SELECT id FROM rooms WHERE kind = 2 AND name = ?1 COLLATE NOCASE")                            \
    X(ROOM_REV, "SELECT rev FROM rooms WHERE id = ?1")                                                       \
    X(SET_REV, "UPDATE rooms SET rev = ?2 WHERE id = ?1")                                                    \
    X(ROOMS_OF, "SELECT room_id, user_id, read_id, joined_id, username FROM members "                        \
                "JOIN users ON users.id = user_id WHERE user_id = ?1 AND here ORDER BY room_id")             \
    X(MARKS, "SELECT room_id, user_id, read_id, joined_id, username FROM members "                           \
             "JOIN users ON users.id = user_id WHERE room_id = ?1 AND read_id > 0 AND released = 0 "         \
             "ORDER BY read_id DESC, user_id LIMIT ?2")                                                      \
    X(MARK, "SELECT read_id FROM members WHERE room_id = ?1 AND user_id = ?2")                               \
    X(MEMBER_COUNT, "SELECT count(*) FROM members WHERE room_id = ?1 AND here")                              \
    X(IS_MEMBER, "SELECT 1 FROM members WHERE room_id = ?1 AND user_id = ?2 AND here")                       \
    X(ADD_MEMBER, "INSERT INTO members (room_id, user_id, read_id, joined_id) VALUES (?1, ?2, 0, ?3) "       \
                  "ON CONFLICT DO UPDATE SET here = 1, joined_id = ?3 WHERE NOT here")                       \
    X(JOIN_GENERAL, "INSERT INTO members (room_id, user_id, read_id, joined_id) "                            \
                    "VALUES (?1, ?2, 0, " CBX_LAST_ID("?1") ")")                                             \
    X(REMOVE_MEMBER, "UPDATE members SET here = 0 WHERE room_id = ?1 AND user_id = ?2 AND here")             \
    X(SET_READ, "UPDATE members SET read_id = max(read_id, ?3) WHERE room_id = ?1 AND user_id = ?2 "         \
                "AND here")                                                                                  \
    X(MEMBERS, "SELECT room_id, user_id, read_id, joined_id, username, display_name FROM users "             \
               "JOIN members ON room_id = ?1 AND user_id = users.id AND here "                               \
               "WHERE released = 0 AND username > ?2 ORDER BY username LIMIT ?3")                            \
    X(UNREAD, "SELECT count(*) FROM messages WHERE room_id = ?1 AND id > ?2 AND user_id IS NOT ?3 "          \
              "AND deleted = 0")                                                                             \
    X(UNREAD_SINCE, "SELECT coalesce(sum(CASE WHEN id > ?5 THEN deleted = 0 ELSE -(deleted <> 0) END), 0) "  \
                    "FROM messages WHERE room_id = ?1 AND rev > ?4 AND +id > ?2 AND user_id IS NOT ?3")      \
    X(LAST_ID, "SELECT " CBX_LAST_ID("?1"))                                                                  \
    /* messages */                                                                                           \
    X(INSERT, "INSERT INTO messages (username, message, timestamp, date, edited, room_id, user_id, rev, "    \
              "cid, deleted) VALUES (?1, ?2, ?3, date(?3 / 1000, 'unixepoch'), ?4, ?5, ?6, ?7, ?8, ?9) "     \
              "ON CONFLICT DO NOTHING")                                                                      \
    X(FIRST_OF_CID, "SELECT id FROM messages WHERE user_id = ?1 AND cid = ?2")                               \
    X(MESSAGE, "SELECT " CBX_COLS_MESSAGE " FROM messages WHERE id = ?1")                                    \
    X(EDIT, "UPDATE messages SET message = ?2, edited = ?3, rev = ?4 WHERE id = ?1 AND deleted = 0")         \
    X(DELETE, "UPDATE messages SET message = '', deleted = 1, rev = ?2 WHERE id = ?1")                       \
    X(OLDER, "SELECT * FROM (SELECT " CBX_COLS_MESSAGE " FROM messages WHERE room_id = ?1 AND id < ?2 "      \
             "ORDER BY id DESC LIMIT ?3) ORDER BY id")                                                       \
    X(NEWER,                                                                                                 \
      "SELECT " CBX_COLS_MESSAGE " FROM messages WHERE room_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3")       \
    X(ANY_OLDER, "SELECT 1 FROM messages WHERE room_id = ?1 AND id < ?2 LIMIT 1")                            \
    X(CHANGES, "SELECT " CBX_COLS_MESSAGE " FROM messages WHERE room_id = ?1 AND rev > ?2 "                  \
               "ORDER BY rev LIMIT ?3")                                                                      \
    X(REV_BELOW, "SELECT rev FROM messages WHERE room_id = ?1 AND +id < ?2 ORDER BY rev DESC LIMIT 1")       \
    /* users and sessions */                                                                                 \
    X(USER, "SELECT " CBX_COLS_USER " FROM users WHERE id = ?1")                                             \
    X(USER_BY_NAME, "SELECT " CBX_COLS_USER " FROM users WHERE username = ?1 AND released = 0")              \
    X(ADD_USER, "INSERT INTO users (username, display_name, password_hash, created_at, last_seen) "          \
                "VALUES (?1, ?2, ?3, ?4, ?4) ON CONFLICT DO NOTHING")                                        \
    X(UPGRADE_GUEST, "UPDATE users SET display_name = ?2, password_hash = ?3 "                               \
                     "WHERE id = ?1 AND password_hash IS NULL AND released = 0")                             \
    X(RELEASE_NAME, "UPDATE users SET released = 1 WHERE id = ?1 AND password_hash IS NULL")                 \
    X(SET_DISPLAY_NAME, "UPDATE users SET display_name = ?2 WHERE id = ?1")                                  \
    X(SET_PASSWORD, "UPDATE users SET password_hash = ?2 WHERE id = ?1 AND password_hash IS NOT NULL")       \
    X(TOUCH, "UPDATE users SET last_seen = ?2 WHERE id = ?1")                                                \
    X(LAPSED, "SELECT id FROM (SELECT * FROM users WHERE id > ?1 ORDER BY id LIMIT ?2) AS u "                \
              "WHERE password_hash IS NULL AND (released OR last_seen < ?4) "                                \
              "AND NOT EXISTS (SELECT 1 FROM sessions WHERE user_id = u.id AND expires_at * 1000 >= ?3) "    \
              "AND NOT EXISTS (SELECT 1 FROM messages WHERE user_id = u.id) "                                \
              "AND NOT EXISTS (SELECT 1 FROM members JOIN rooms ON rooms.id = room_id WHERE user_id = u.id " \
              "AND room_id <> 1 AND (here OR kind = 2 OR owner_id = u.id)) ORDER BY id LIMIT ?5")            \
    X(LOOKED_AT,                                                                                             \
      "SELECT coalesce(max(id), 0) FROM (SELECT id FROM users WHERE id > ?1 ORDER BY id LIMIT ?2)")          \
    X(REMOVE_MEMBERSHIPS, "DELETE FROM members WHERE user_id = ?1")                                          \
    X(REMOVE_GUEST, "DELETE FROM users WHERE id = ?1 AND password_hash IS NULL")                             \
    X(OPEN_SESSION, "INSERT INTO sessions (jti, user_id, expires_at) VALUES (?1, ?2, ?3)")                   \
    X(SESSION, "SELECT user_id FROM sessions WHERE jti = ?1")                                                \
    X(CLOSE_SESSION, "DELETE FROM sessions WHERE jti = ?1")                                                  \
    X(CLOSE_SESSIONS, "DELETE FROM sessions WHERE user_id = ?1 AND jti IS NOT ?2")                           \
    X(PURGE_SESSIONS, "DELETE FROM sessions WHERE expires_at < ?1")

typedef enum cbx_sql_id {
#define CBX_SQL_ENUM(name, sql) CBX_SQL_##name,
    CBX_SQL(CBX_SQL_ENUM)
#undef CBX_SQL_ENUM
        CBX_SQL_COUNT
} cbx_sql_id_t;

struct cbx_store {
    sqlite3 *db;
    char *uri;   /* for more connections to the same database */
    bool memory; /* no file, no log to checkpoint */
    bool reader;
    bool let_go;   /* another process may write */
    bool begun;    /* our word for it: SQLite may give up a transaction by itself when a disk is full */
    bool erased;   /* the log may hold texts that people took back */
    int wal_pages; /* in the log, as of the last commit */
    char epoch[17];
    cbx_place_t place;   /* the writer's: a reader's is nowhere */
    int told;            /* the code of the last complaint in the log ... */
    const char *told_of; /* ... and of what (a literal) */
    int64_t told_at;     /* ... and when, ms, steady */
    sqlite3_stmt *stmts[CBX_SQL_COUNT];
};

/* lends the statement with its parameters bound (what they point to must live until cbx_sql_done); NULL when
 * it fails, which is logged. `kinds` has a letter for each parameter: i int64_t, n int64_t where 0 is NULL, t
 * text with a NUL behind or NULL, b bytes and their size_t */
sqlite3_stmt *cbx_sql(cbx_store_t *store, cbx_sql_id_t id, const char *kinds, ...);
/* is there a row (more)? not again after it said no */
bool cbx_sql_row(sqlite3_stmt *stmt);
/* takes the statement back: CBX_OK, or CBX_ERR_STORAGE_UNAVAILABLE when anything failed since cbx_sql; logs
 * why */
cbx_err_t cbx_sql_done(cbx_store_t *store, sqlite3_stmt *stmt);

/* runs a statement without parameters */
cbx_err_t cbx_sql_run(cbx_store_t *store, cbx_sql_id_t id);
/* runs a change, which must be inside begin and commit */
cbx_err_t cbx_sql_change(cbx_store_t *store, cbx_sql_id_t id, const char *kinds, ...);
/* passes `err` on, but makes CBX_ERR_NOT_FOUND of a change that found no row */
cbx_err_t cbx_sql_hit(cbx_store_t *store, cbx_err_t err);
/* reads one whole number; CBX_ERR_NOT_FOUND where there is no row, and `*value` stays */
cbx_err_t cbx_sql_int(cbx_store_t *store, int64_t *value, cbx_sql_id_t id, const char *kinds, ...);

/* logs why the last call of SQLite failed, and returns CBX_ERR_STORAGE_UNAVAILABLE */
cbx_err_t cbx_sql_failed(cbx_store_t *store, const char *what);
/* logs a failure, with a result code of SQLite's; the same again within a minute is not news, unless
 * a probe went well in between */
void cbx_sql_complain(cbx_store_t *store, const char *what, int code, const char *reason);

/* "file:" and the path, escaped, with `query` behind it (malloc'ed) */
char *cbx_sqlite_uri(const char *path, const char *query);

#endif
