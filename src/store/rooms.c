/* rooms.c -- rooms and who is in them, as the database has it. */
#include "store/sqlite.h"

cbx_err_t cbx_store_rooms(cbx_store_t *store, cbx_store_room_cb cb, void *arg)
{
    sqlite3_stmt *stmt = cbx_sql(store, CBX_SQL_ROOMS, "");
    cbx_store_room_t room;

    while (cbx_sql_row(stmt)) {
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

cbx_err_t cbx_store_add_member(cbx_store_t *store, int64_t room, int64_t user_id, int64_t joined_id)
{
    return cbx_sql_change(store, CBX_SQL_ADD_MEMBER, "iii", room, user_id, joined_id);
}

cbx_err_t cbx_store_unread(cbx_store_t *store, int64_t room, int64_t after, int64_t user_id, int64_t limit,
                           int64_t *count)
{
    return cbx_sql_int(store, count, CBX_SQL_UNREAD, "iiii", room, after, user_id, limit);
}
