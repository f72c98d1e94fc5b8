/* sql.c -- the statements of the SQLite store: prepared once a connection, bound, run, given back, and
 * complained about.
 *
 * Values only ever enter by binding, and the log names a statement by what it is, never by what was bound to
 * it.
 */
#include "store/sqlite.h"

#include <stdarg.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/log.h"

#define TELL_AGAIN_MS 60000

static const char *const statements[] = {
#define ROW(name, sql) [CBX_SQL_##name] = sql,
    CBX_SQL(ROW)
#undef ROW
};

static const char *const statement_names[] = {
#define ROW(name, sql) [CBX_SQL_##name] = #name,
    CBX_SQL(ROW)
#undef ROW
};

/* a full disk fails every second, and the log may lie on it */
void cbx_sql_complain(cbx_store_t *store, const char *what, int code, const char *reason)
{
    int64_t now = cbx_clock_steady();

    if (store->told == code && store->told_of == what && now - store->told_at < TELL_AGAIN_MS)
        return;
    store->told = code;
    store->told_of = what;
    store->told_at = now;
    cbx_log(CBX_LOG_ERROR, "storage_failed", "what", what, "code", cbx_log_fmt("%d", code), "reason", reason,
            NULL);
}

cbx_err_t cbx_sql_failed(cbx_store_t *store, const char *what)
{
    cbx_sql_complain(store, what, sqlite3_extended_errcode(store->db), sqlite3_errmsg(store->db));
    return CBX_ERR_STORAGE_UNAVAILABLE;
}

static int bind_one(sqlite3_stmt *stmt, int at, char kind, va_list *args)
{
    const char *text;
    int64_t number;

    switch (kind) {
    case 'i':
        return sqlite3_bind_int64(stmt, at, va_arg(*args, int64_t));
    case 'n':
        number = va_arg(*args, int64_t);
        return number != 0 ? sqlite3_bind_int64(stmt, at, number) : sqlite3_bind_null(stmt, at);
    case 't':
        return sqlite3_bind_text(stmt, at, va_arg(*args, const char *), -1, SQLITE_STATIC);
    default:
        CBX_ASSERT(kind == 'b');
        text = va_arg(*args, const char *);
        return sqlite3_bind_text64(stmt, at, text != NULL ? text : "", va_arg(*args, size_t), SQLITE_STATIC,
                                   SQLITE_UTF8);
    }
}

static sqlite3_stmt *bind_all(cbx_store_t *store, cbx_sql_id_t id, const char *kinds, va_list *args)
{
    sqlite3_stmt **stmt = &store->stmts[id];
    int rc = SQLITE_OK;

    if (*stmt == NULL)
        rc = sqlite3_prepare_v3(store->db, statements[id], -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
    CBX_ASSERT(*stmt == NULL || !sqlite3_stmt_busy(*stmt));
    for (int i = 0; rc == SQLITE_OK && kinds[i] != '\0'; ++i)
        rc = bind_one(*stmt, i + 1, kinds[i], args);
    if (rc == SQLITE_OK)
        return *stmt;
    cbx_sql_failed(store, statement_names[id]);
    return NULL;
}

sqlite3_stmt *cbx_sql(cbx_store_t *store, cbx_sql_id_t id, const char *kinds, ...)
{
    sqlite3_stmt *stmt;
    va_list args;

    va_start(args, kinds);
    stmt = bind_all(store, id, kinds, &args);
    va_end(args);
    return stmt;
}

bool cbx_sql_row(sqlite3_stmt *stmt)
{
    return stmt != NULL && sqlite3_step(stmt) == SQLITE_ROW;
}

static const char *name_of(const cbx_store_t *store, const sqlite3_stmt *stmt)
{
    int id = 0;

    while (id < CBX_SQL_COUNT - 1 && store->stmts[id] != stmt)
        ++id;
    return statement_names[id];
}

cbx_err_t cbx_sql_done(cbx_store_t *store, sqlite3_stmt *stmt)
{
    cbx_err_t err = CBX_OK;

    if (stmt == NULL)
        return CBX_ERR_STORAGE_UNAVAILABLE; /* cbx_sql said why */
    if (sqlite3_reset(stmt) != SQLITE_OK)
        err = cbx_sql_failed(store, name_of(store, stmt));
    sqlite3_clear_bindings(stmt);
    return err;
}

cbx_err_t cbx_sql_run(cbx_store_t *store, cbx_sql_id_t id)
{
    sqlite3_stmt *stmt = cbx_sql(store, id, "");

    cbx_sql_row(stmt);
    return cbx_sql_done(store, stmt);
}

cbx_err_t cbx_sql_change(cbx_store_t *store, cbx_sql_id_t id, const char *kinds, ...)
{
    sqlite3_stmt *stmt;
    va_list args;

    CBX_ASSERT(store->begun);
    if (sqlite3_get_autocommit(store->db))
        return CBX_ERR_STORAGE_UNAVAILABLE; /* SQLite gave up the transaction: no half of it may be kept */
    CBX_FAULT("between-statements");
    va_start(args, kinds);
    stmt = bind_all(store, id, kinds, &args);
    va_end(args);
    cbx_sql_row(stmt);
    return cbx_sql_done(store, stmt);
}

cbx_err_t cbx_sql_hit(cbx_store_t *store, cbx_err_t err)
{
    return err == CBX_OK && sqlite3_changes(store->db) == 0 ? CBX_ERR_NOT_FOUND : err;
}

cbx_err_t cbx_sql_int(cbx_store_t *store, int64_t *value, cbx_sql_id_t id, const char *kinds, ...)
{
    sqlite3_stmt *stmt;
    va_list args;
    bool found;
    cbx_err_t err;

    va_start(args, kinds);
    stmt = bind_all(store, id, kinds, &args);
    va_end(args);
    if ((found = cbx_sql_row(stmt)))
        *value = sqlite3_column_int64(stmt, 0);
    err = cbx_sql_done(store, stmt);
    return err == CBX_OK && !found ? CBX_ERR_NOT_FOUND : err;
}
