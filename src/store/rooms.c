/* rooms.c -- rooms and who is in them, as the database has it. */
#include "store/sqlite.h"

static cbx_err_t each_room(cbx_store_t *store, sqlite3_stmt *stmt, cbx_store_room_cb cb, void *arg, size_t *n)
{
    cbx_store_room_t room;

    for (*n = 0; cbx_sql_row(stmt); ++*n) {
        room.id = sqlite3_column_int64(stmt, 0);
        room.rev = sqlite3_column_int64(stmt, 1);
        room.last_id = sqlite3_column_int64(stmt, 2);
        room.owner_id = sqlite3_column_int64(stmt, 3);
        room.kind = (cbx_room_kind_t)sqlite3_column_int(stmt, 4);
        room.name = (const char *)sqlite3_column_text(stmt, 5);
        room.topic = (const char *)sqlite3_column_text(stmt, 6);
        cb(arg, &room);
    }
    return cbx_sql_done(store, stmt);
}

cbx_err_t cbx_store_rooms(cbx_store_t *store, cbx_store_room_cb cb, void *arg)
{
    size_t n;

    return each_room(store, cbx_sql(store, CBX_SQL_ROOMS, ""), cb, arg, &n);
}

cbx_err_t cbx_store_room(cbx_store_t *store, int64_t id, cbx_store_room_cb cb, void *arg)
{
    size_t n;
    cbx_err_t err = each_room(store, cbx_sql(store, CBX_SQL_ROOM, "i", id), cb, arg, &n);

    return err == CBX_OK && n == 0 ? CBX_ERR_NOT_FOUND : err;
}

/* a row that a unique index keeps out is not there, and nothing else has changed */
static cbx_err_t or_taken(cbx_err_t err)
{
    return err == CBX_ERR_NOT_FOUND ? CBX_ERR_NAME_TAKEN : err;
}

cbx_err_t cbx_store_add_room(cbx_store_t *store, const cbx_store_room_t *row, int64_t now, int64_t *id)
{
    cbx_err_t err = cbx_sql_hit(store, cbx_sql_change(store, CBX_SQL_ADD_ROOM, "ittni", (int64_t)row->kind,
                                                      row->name, row->topic, row->owner_id, now));

    if (err == CBX_OK)
        *id = sqlite3_last_insert_rowid(store->db);
    return or_taken(err);
}

cbx_err_t cbx_store_edit_room(cbx_store_t *store, const cbx_store_room_t *row)
{
    return or_taken(cbx_sql_hit(store, cbx_sql_change(store, CBX_SQL_EDIT_ROOM, "ittn", row->id, row->name,
                                                      row->topic, row->owner_id)));
}

cbx_err_t cbx_store_direct(cbx_store_t *store, const char *key, int64_t *id)
{
    return cbx_sql_int(store, id, CBX_SQL_DIRECT, "t", key);
}

cbx_err_t cbx_store_set_rev(cbx_store_t *store, int64_t room, int64_t rev)
{
    return cbx_sql_hit(store, cbx_sql_change(store, CBX_SQL_SET_REV, "ii", room, rev));
}

cbx_err_t cbx_store_room_rev(cbx_store_t *store, int64_t room, int64_t *rev)
{
    return cbx_sql_int(store, rev, CBX_SQL_ROOM_REV, "i", room);
}

static cbx_err_t each_member(cbx_store_t *store, sqlite3_stmt *stmt, cbx_store_member_cb cb, void *arg)
{
    cbx_store_member_t member;

    while (cbx_sql_row(stmt)) {
        member.room = sqlite3_column_int64(stmt, 0);
        member.user_id = sqlite3_column_int64(stmt, 1);
        member.read_id = sqlite3_column_int64(stmt, 2);
        member.joined_id = sqlite3_column_int64(stmt, 3);
        member.username = (const char *)sqlite3_column_text(stmt, 4);
        member.display_name =
            sqlite3_column_count(stmt) > 5 ? (const char *)sqlite3_column_text(stmt, 5) : NULL;
        cb(arg, &member);
    }
    return cbx_sql_done(store, stmt);
}

cbx_err_t cbx_store_rooms_of(cbx_store_t *store, int64_t user_id, cbx_store_member_cb cb, void *arg)
{
    return each_member(store, cbx_sql(store, CBX_SQL_ROOMS_OF, "i", user_id), cb, arg);
}

cbx_err_t cbx_store_marks(cbx_store_t *store, int64_t room, int limit, cbx_store_member_cb cb, void *arg)
{
    return each_member(store, cbx_sql(store, CBX_SQL_MARKS, "ii", room, (int64_t)limit), cb, arg);
}

cbx_err_t cbx_store_member_count(cbx_store_t *store, int64_t room, int64_t *count)
{
    return cbx_sql_int(store, count, CBX_SQL_MEMBER_COUNT, "i", room);
}

cbx_err_t cbx_store_is_member(cbx_store_t *store, int64_t room, int64_t user_id, bool *is)
{
    int64_t one;
    cbx_err_t err = cbx_sql_int(store, &one, CBX_SQL_IS_MEMBER, "ii", room, user_id);

    *is = err == CBX_OK;
    return err == CBX_ERR_NOT_FOUND ? CBX_OK : err;
}

cbx_err_t cbx_store_add_member(cbx_store_t *store, int64_t room, int64_t user_id, int64_t joined_id,
                               int64_t *read_id)
{
    cbx_err_t err = cbx_sql_change(store, CBX_SQL_ADD_MEMBER, "iii", room, user_id, joined_id);

    return err == CBX_OK ? cbx_sql_int(store, read_id, CBX_SQL_MARK, "ii", room, user_id) : err;
}

cbx_err_t cbx_store_remove_member(cbx_store_t *store, int64_t room, int64_t user_id)
{
    return cbx_sql_hit(store, cbx_sql_change(store, CBX_SQL_REMOVE_MEMBER, "ii", room, user_id));
}

cbx_err_t cbx_store_set_read(cbx_store_t *store, int64_t room, int64_t user_id, int64_t read_id)
{
    return cbx_sql_hit(store, cbx_sql_change(store, CBX_SQL_SET_READ, "iii", room, user_id, read_id));
}

cbx_err_t cbx_store_members(cbx_store_t *store, int64_t room, const char *after, int limit,
                            cbx_store_member_cb cb, void *arg)
{
    return each_member(store, cbx_sql(store, CBX_SQL_MEMBERS, "iti", room, after, (int64_t)limit), cb, arg);
}

cbx_err_t cbx_store_unread(cbx_store_t *store, cbx_unread_t *unread)
{
    cbx_err_t err;

    if ((err = cbx_store_room_rev(store, unread->room, &unread->rev)) != CBX_OK ||
        (err = cbx_sql_int(store, &unread->last_id, CBX_SQL_LAST_ID, "i", unread->room)) != CBX_OK)
        return err;
    return cbx_sql_int(store, &unread->count, CBX_SQL_UNREAD, "iii", unread->room, unread->after,
                       unread->user_id);
}

cbx_err_t cbx_store_unread_now(cbx_store_t *store, const cbx_unread_t *unread, int64_t *count)
{
    cbx_err_t err = cbx_sql_int(store, count, CBX_SQL_UNREAD_SINCE, "iiiii", unread->room, unread->after,
                                unread->user_id, unread->rev, unread->last_id);

    *count += unread->count;
    return err;
}
