/* users.c -- accounts, guests and their sessions. A name is held by the user whose `released` is 0. */
#include <stdio.h>
#include <stdlib.h>

#include "store/sqlite.h"

void cbx_store_user_dispose(cbx_store_user_t *user)
{
    free(user->password_hash);
    user->password_hash = NULL;
}

static void user_at(sqlite3_stmt *stmt, cbx_store_user_t *user)
{
    const char *hash = (const char *)sqlite3_column_text(stmt, 3);

    user->user.id = sqlite3_column_int64(stmt, 0);
    snprintf(user->user.username, sizeof(user->user.username), "%s", sqlite3_column_text(stmt, 1));
    snprintf(user->user.display_name, sizeof(user->user.display_name), "%s", sqlite3_column_text(stmt, 2));
    user->password_hash = hash != NULL ? cbx_strdup(hash) : NULL;
    user->user.guest = hash == NULL;
    user->last_seen = sqlite3_column_int64(stmt, 4);
}

static cbx_err_t one_user(cbx_store_t *store, sqlite3_stmt *stmt, cbx_store_user_t *user)
{
    bool found = cbx_sql_row(stmt);
    cbx_err_t err;

    *user = (cbx_store_user_t){.password_hash = NULL};
    if (found)
        user_at(stmt, user);
    err = cbx_sql_done(store, stmt);
    return err == CBX_OK && !found ? CBX_ERR_NOT_FOUND : err;
}

cbx_err_t cbx_store_user(cbx_store_t *store, int64_t id, cbx_store_user_t *user)
{
    return one_user(store, cbx_sql(store, CBX_SQL_USER, "i", id), user);
}

cbx_err_t cbx_store_user_by_name(cbx_store_t *store, const char *username, cbx_store_user_t *user)
{
    return one_user(store, cbx_sql(store, CBX_SQL_USER_BY_NAME, "t", username), user);
}

/* everybody is in the room `general`, and has read what was there before */
cbx_err_t cbx_store_add_user(cbx_store_t *store, cbx_user_t *user, const char *password_hash, int64_t now)
{
    cbx_err_t err = cbx_sql_hit(store, cbx_sql_change(store, CBX_SQL_ADD_USER, "ttti", user->username,
                                                      user->display_name, password_hash, now));

    if (err != CBX_OK)
        return err == CBX_ERR_NOT_FOUND ? CBX_ERR_NAME_TAKEN : err;
    user->id = sqlite3_last_insert_rowid(store->db);
    user->guest = password_hash == NULL;
    return cbx_sql_change(store, CBX_SQL_JOIN_GENERAL, "ii", (int64_t)CBX_GENERAL, user->id);
}

cbx_err_t cbx_store_upgrade_guest(cbx_store_t *store, int64_t id, const char *display_name,
                                  const char *password_hash)
{
    return cbx_sql_hit(store,
                       cbx_sql_change(store, CBX_SQL_UPGRADE_GUEST, "itt", id, display_name, password_hash));
}

cbx_err_t cbx_store_release_name(cbx_store_t *store, int64_t id)
{
    return cbx_sql_hit(store, cbx_sql_change(store, CBX_SQL_RELEASE_NAME, "i", id));
}

cbx_err_t cbx_store_set_display_name(cbx_store_t *store, int64_t id, const char *display_name)
{
    return cbx_sql_hit(store, cbx_sql_change(store, CBX_SQL_SET_DISPLAY_NAME, "it", id, display_name));
}

cbx_err_t cbx_store_set_password(cbx_store_t *store, int64_t id, const char *password_hash)
{
    return cbx_sql_hit(store, cbx_sql_change(store, CBX_SQL_SET_PASSWORD, "it", id, password_hash));
}

cbx_err_t cbx_store_touch(cbx_store_t *store, int64_t id, int64_t now)
{
    return cbx_sql_hit(store, cbx_sql_change(store, CBX_SQL_TOUCH, "ii", id, now));
}

cbx_err_t cbx_store_lapsed_guests(cbx_store_t *store, int64_t *upto, int64_t look_at, int64_t now,
                                  int64_t seen, cbx_lapsed_t *lapsed)
{
    int64_t last;
    sqlite3_stmt *stmt;
    cbx_err_t err;

    if ((err = cbx_sql_int(store, &last, CBX_SQL_LOOKED_AT, "ii", *upto, look_at)) != CBX_OK)
        return err;
    stmt = cbx_sql(store, CBX_SQL_LAPSED, "iiiii", *upto, look_at, now, seen, (int64_t)lapsed->max);
    for (lapsed->len = 0; cbx_sql_row(stmt); ++lapsed->len)
        lapsed->ids[lapsed->len] = sqlite3_column_int64(stmt, 0);
    if ((err = cbx_sql_done(store, stmt)) == CBX_OK)
        *upto = lapsed->len == lapsed->max ? lapsed->ids[lapsed->len - 1] : last;
    return err;
}

cbx_err_t cbx_store_remove_guest(cbx_store_t *store, int64_t id)
{
    cbx_err_t err;

    if ((err = cbx_store_close_sessions(store, id, NULL)) != CBX_OK ||
        (err = cbx_sql_change(store, CBX_SQL_REMOVE_MEMBERSHIPS, "i", id)) != CBX_OK)
        return err;
    return cbx_sql_hit(store, cbx_sql_change(store, CBX_SQL_REMOVE_GUEST, "i", id));
}

cbx_err_t cbx_store_open_session(cbx_store_t *store, const char *jti, int64_t user_id, int64_t expires_at)
{
    return cbx_sql_change(store, CBX_SQL_OPEN_SESSION, "tii", jti, user_id, expires_at);
}

cbx_err_t cbx_store_session(cbx_store_t *store, const char *jti, int64_t *user_id)
{
    return cbx_sql_int(store, user_id, CBX_SQL_SESSION, "t", jti);
}

cbx_err_t cbx_store_close_session(cbx_store_t *store, const char *jti)
{
    return cbx_sql_change(store, CBX_SQL_CLOSE_SESSION, "t", jti);
}

cbx_err_t cbx_store_close_sessions(cbx_store_t *store, int64_t user_id, const char *except)
{
    return cbx_sql_change(store, CBX_SQL_CLOSE_SESSIONS, "it", user_id, except);
}

cbx_err_t cbx_store_purge_sessions(cbx_store_t *store, int64_t now)
{
    return cbx_sql_change(store, CBX_SQL_PURGE_SESSIONS, "i", now);
}
