/* messages.c -- messages: stored, changed, read in pages by id and caught up by rev. */
#include "store/sqlite.h"

static cbx_message_t message_at(sqlite3_stmt *stmt)
{
    cbx_message_t m = {
        .id = sqlite3_column_int64(stmt, 0),
        .room = sqlite3_column_int64(stmt, 1),
        .rev = sqlite3_column_int64(stmt, 2),
        .user_id = sqlite3_column_int64(stmt, 3), /* NULL reads as 0 */
        .timestamp = sqlite3_column_int64(stmt, 4),
        .edited = sqlite3_column_int64(stmt, 5),
        .deleted = sqlite3_column_int(stmt, 6) != 0,
        .username = (const char *)sqlite3_column_text(stmt, 7),
        .cid = (const char *)sqlite3_column_text(stmt, 8),
        .text = (const char *)sqlite3_column_text(stmt, 9),
        .text_len = (size_t)sqlite3_column_bytes(stmt, 9),
    };

    return m;
}

static cbx_err_t each_message(cbx_store_t *store, sqlite3_stmt *stmt, cbx_store_message_cb cb, void *arg)
{
    cbx_message_t m;

    while (cbx_sql_row(stmt)) {
        m = message_at(stmt);
        cb(arg, &m);
    }
    return cbx_sql_done(store, stmt);
}

cbx_err_t cbx_store_insert(cbx_store_t *store, const cbx_message_t *m, int64_t *id, bool *dup)
{
    cbx_err_t err =
        cbx_sql_change(store, CBX_SQL_INSERT, "tbiiiniti", m->username, m->text, m->text_len, m->timestamp,
                       m->edited, m->room, m->user_id, m->rev, m->cid, (int64_t)m->deleted);

    if (err != CBX_OK)
        return err;
    if ((*dup = sqlite3_changes(store->db) == 0))
        return cbx_sql_int(store, id, CBX_SQL_FIRST_OF_CID, "it", m->user_id, m->cid);
    *id = sqlite3_last_insert_rowid(store->db);
    return CBX_OK;
}

cbx_err_t cbx_store_message(cbx_store_t *store, int64_t id, cbx_store_message_cb cb, void *arg)
{
    sqlite3_stmt *stmt = cbx_sql(store, CBX_SQL_MESSAGE, "i", id);
    bool found = cbx_sql_row(stmt);
    cbx_message_t m;
    cbx_err_t err;

    if (found) {
        m = message_at(stmt);
        cb(arg, &m);
    }
    err = cbx_sql_done(store, stmt);
    return err == CBX_OK && !found ? CBX_ERR_NOT_FOUND : err;
}

cbx_err_t cbx_store_edit(cbx_store_t *store, int64_t id, const char *text, size_t len, int64_t edited,
                         int64_t rev)
{
    store->erased = true;
    return cbx_sql_hit(store, cbx_sql_change(store, CBX_SQL_EDIT, "ibii", id, text, len, edited, rev));
}

cbx_err_t cbx_store_delete(cbx_store_t *store, int64_t id, int64_t rev)
{
    store->erased = true;
    return cbx_sql_hit(store, cbx_sql_change(store, CBX_SQL_DELETE, "ii", id, rev));
}

/* -- pages -- */

/* passes messages on, up to `limit`, and remembers where they began and how many there were */
typedef struct page {
    cbx_store_message_cb cb;
    void *arg;
    int limit, seen;
    int64_t first_id;
} page_t;

static void on_page_message(void *arg, const cbx_message_t *m)
{
    page_t *page = arg;

    if (page->seen++ == 0)
        page->first_id = m->id;
    if (page->seen <= page->limit)
        page->cb(page->arg, m);
}

static cbx_err_t page_rows(cbx_store_t *store, cbx_sql_id_t sql, int64_t room, int64_t id, int rows,
                           page_t *page)
{
    return each_message(store, cbx_sql(store, sql, "iii", room, id, (int64_t)rows), on_page_message, page);
}

static cbx_err_t any_before(cbx_store_t *store, int64_t room, const page_t *page, bool *more)
{
    int64_t one;
    cbx_err_t err;

    *more = false;
    if (page->seen == 0)
        return CBX_OK;
    err = cbx_sql_int(store, &one, CBX_SQL_ANY_OLDER, "ii", room, page->first_id);
    *more = err == CBX_OK;
    return err == CBX_ERR_NOT_FOUND ? CBX_OK : err;
}

/* one row beyond the page tells whether there are newer ones */
static cbx_err_t page_after(cbx_store_t *store, int64_t room, int64_t id, page_t *page, bool *more)
{
    cbx_err_t err = page_rows(store, CBX_SQL_NEWER, room, id, page->limit + 1, page);

    *more = page->seen > page->limit;
    return err;
}

static cbx_err_t page_before(cbx_store_t *store, int64_t room, int64_t id, page_t *page, bool *more)
{
    cbx_err_t err = page_rows(store, CBX_SQL_OLDER, room, id, page->limit, page);

    return err == CBX_OK ? any_before(store, room, page, more) : err;
}

static cbx_err_t page_around(cbx_store_t *store, int64_t room, int64_t id, page_t *page, bool *more)
{
    cbx_err_t err;

    if ((err = page_rows(store, CBX_SQL_OLDER, room, id, page->limit / 2, page)) == CBX_OK &&
        (err = page_rows(store, CBX_SQL_NEWER, room, id - 1, page->limit - page->seen, page)) == CBX_OK)
        err = any_before(store, room, page, more);
    return err;
}

cbx_err_t cbx_store_page(cbx_store_t *store, int64_t room, cbx_page_kind_t kind, int64_t id, int limit,
                         cbx_store_message_cb cb, void *arg, bool *more)
{
    page_t page = {.cb = cb, .arg = arg, .limit = limit};

    CBX_ASSERT(limit > 0);
    switch (kind) {
    case CBX_PAGE_NEWEST:
        return page_before(store, room, INT64_MAX, &page, more);
    case CBX_PAGE_BEFORE:
        return page_before(store, room, id, &page, more);
    case CBX_PAGE_AFTER:
        return page_after(store, room, id, &page, more);
    default:
        return page_around(store, room, id, &page, more);
    }
}

cbx_err_t cbx_store_changes(cbx_store_t *store, int64_t room, int64_t since, int limit,
                            cbx_store_message_cb cb, void *arg)
{
    return each_message(store, cbx_sql(store, CBX_SQL_CHANGES, "iii", room, since, (int64_t)limit), cb, arg);
}

cbx_err_t cbx_store_rev_below(cbx_store_t *store, int64_t room, int64_t id, int64_t *rev)
{
    *rev = 0;
    cbx_err_t err = cbx_sql_int(store, rev, CBX_SQL_REV_BELOW, "ii", room, id);

    return err == CBX_ERR_NOT_FOUND ? CBX_OK : err;
}
