/* room.c -- a room's memory: newest messages by id, and the histories that are told from it. */
#include "chat/room.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/memory.h"
#include "base/stats.h"

cbx_entry_t *cbx_entry_new(cbx_json_t *json, const cbx_message_t *m)
{
    cbx_entry_t *entry;
    const char *bytes;
    size_t len;

    cbx_json_begin(json);
    cbx_put_message(json, m);
    bytes = cbx_json_bytes(json, &len);
    entry = cbx_alloc(sizeof(*entry) + len);
    *entry = (cbx_entry_t){.id = m->id, .rev = m->rev, .len = len};
    memcpy(entry->json, bytes, len);
    return entry;
}

/* -- what a reader fetches -- */

struct fetch {
    cbx_fetched_t *fetched;
    cbx_json_t *json;
    size_t bytes; /* of what was fetched */
    bool refused;
};

/* what was fetched waits to be told */
static void forget(cbx_entry_t *entry)
{
    cbx_memory_drop(entry->len);
    free(entry);
}

/* what was fetched of this message before, if anything, is no longer true */
static void drop_older(cbx_fetched_t *fetched, int64_t id)
{
    for (size_t i = 0; i != fetched->before; ++i) {
        if (fetched->messages[i]->id != id)
            continue;
        forget(fetched->messages[i]);
        memmove(fetched->messages + i, fetched->messages + i + 1,
                sizeof(fetched->messages[0]) * (--fetched->len - i));
        --fetched->before;
        return;
    }
}

static void on_change(void *arg, const cbx_message_t *m)
{
    struct fetch *f = arg;
    cbx_entry_t *entry;

    drop_older(f->fetched, m->id);
    if (f->fetched->len == CBX_RESUME_MAX) {
        f->fetched->reset = true;
        return;
    }
    if (f->refused || (f->refused = !cbx_memory_has_room(f->bytes, m->text_len)))
        return;
    entry = cbx_entry_new(f->json, m);
    cbx_memory_keep(entry->len);
    f->bytes += entry->len;
    f->fetched->messages[f->fetched->len++] = entry;
}

cbx_err_t cbx_fetch_changes(cbx_store_t *reader, cbx_fetched_t *fetched)
{
    struct fetch f = {.fetched = fetched, .json = cbx_json_create()};
    int64_t since = fetched->upto;
    cbx_err_t err;

    fetched->before = fetched->len;
    if (fetched->messages == NULL)
        fetched->messages = cbx_alloc(sizeof(*fetched->messages) * CBX_RESUME_MAX);
    if ((err = cbx_store_snapshot(reader)) == CBX_OK) {
        if ((err = cbx_store_room_rev(reader, fetched->room, &fetched->upto)) == CBX_OK)
            err = cbx_store_changes(reader, fetched->room, since, CBX_RESUME_MAX + 1, on_change, &f);
        cbx_store_snapshot_end(reader);
    }
    cbx_json_free(f.json);
    return f.refused ? CBX_ERR_OVERLOADED : err;
}

size_t cbx_fetched_bytes(const cbx_fetched_t *fetched)
{
    size_t bytes = 0;

    for (size_t i = 0; i != fetched->len; ++i)
        bytes += fetched->messages[i]->len;
    return bytes;
}

void cbx_fetched_dispose(cbx_fetched_t *fetched)
{
    for (size_t i = 0; i != fetched->len; ++i)
        forget(fetched->messages[i]);
    free(fetched->messages);
    fetched->messages = NULL;
    fetched->len = 0;
}

/* -- the room -- */

enum { PLACES_BYTES = (CBX_ROOM_MEMORY + CBX_ROOM_LATE) * sizeof(cbx_entry_t *) };

static void set_row(cbx_room_t *room, const cbx_store_room_t *row)
{
    room->id = row->id;
    room->rev = row->rev;
    room->last_id = row->last_id;
    room->owner_id = row->owner_id;
    room->kind = row->kind;
    room->name = cbx_strdup(row->name);
    room->topic = cbx_strdup(row->topic);
}

cbx_room_t *cbx_room_new(const cbx_store_room_t *row)
{
    cbx_room_t *room = cbx_zalloc(sizeof(*room));

    set_row(room, row);
    return room;
}

static void count(cbx_room_t *room, int64_t bytes)
{
    room->bytes += (size_t)bytes;
    CBX_COUNT(rooms_bytes, bytes);
}

static cbx_entry_t *count_in(cbx_room_t *room, cbx_entry_t *entry)
{
    count(room, (int64_t)(sizeof(*entry) + entry->len));
    return entry;
}

static void discard(cbx_room_t *room, cbx_entry_t *entry)
{
    count(room, -(int64_t)(sizeof(*entry) + entry->len));
    free(entry);
}

static void make_place(cbx_room_t *room)
{
    room->entries = cbx_alloc(PLACES_BYTES);
    room->late = room->entries + CBX_ROOM_MEMORY;
    count(room, PLACES_BYTES);
}

void cbx_room_forget_messages(cbx_room_t *room)
{
    for (size_t i = 0; i != room->len; ++i)
        free(room->entries[i]);
    for (size_t i = 0; i != room->late_len; ++i)
        free(room->late[i]);
    free(room->entries);
    count(room, -(int64_t)room->bytes);
    room->entries = room->late = NULL;
    room->len = room->late_len = 0;
    room->floor_rev = 0; /* of a transaction that failed, it may be above the rev */
    room->loaded = false;
}

void cbx_room_forget(cbx_room_t *room)
{
    cbx_room_forget_messages(room);
    room->known = false;
}

void cbx_room_free(cbx_room_t *room)
{
    cbx_room_forget(room);
    free(room->name);
    free(room->topic);
    free(room);
}

struct load {
    cbx_room_t *room;
    cbx_json_t *json;
};

static void on_loaded(void *arg, const cbx_message_t *m)
{
    struct load *l = arg;

    l->room->entries[l->room->len++] = count_in(l->room, cbx_entry_new(l->json, m));
}

static cbx_err_t read_newest(cbx_room_t *room, cbx_store_t *store, cbx_json_t *json)
{
    struct load l = {room, json};
    cbx_err_t err;

    if ((err = cbx_store_page(store, room->id, CBX_PAGE_NEWEST, 0, CBX_ROOM_MEMORY, on_loaded, &l,
                              &room->older)) != CBX_OK)
        return err;
    room->last_id = room->len == 0 ? 0 : room->entries[room->len - 1]->id;
    room->floor_rev = 0;
    return room->older ? cbx_store_rev_below(store, room->id, room->entries[0]->id, &room->floor_rev)
                       : CBX_OK;
}

static void on_top(void *arg, const cbx_store_member_t *member)
{
    cbx_mark_t *top = ((cbx_room_t *)arg)->top;

    top[top[0].user_id != 0] = (cbx_mark_t){member->user_id, member->read_id};
}

cbx_err_t cbx_room_load_top(cbx_room_t *room, cbx_store_t *store)
{
    memset(room->top, 0, sizeof(room->top));
    return cbx_store_marks(store, room->id, 2, on_top, room);
}

static void on_row(void *arg, const cbx_store_room_t *row)
{
    cbx_room_t *room = arg;

    free(room->name);
    free(room->topic);
    set_row(room, row);
}

cbx_err_t cbx_room_know(cbx_room_t *room, cbx_store_t *store)
{
    cbx_err_t err;

    if (room->known)
        return CBX_OK;
    if ((err = cbx_store_room(store, room->id, on_row, room)) == CBX_OK &&
        (err = cbx_store_member_count(store, room->id, &room->members)) == CBX_OK)
        err = cbx_room_load_top(room, store);
    room->known = err == CBX_OK;
    return err;
}

cbx_err_t cbx_room_load(cbx_room_t *room, cbx_store_t *store, cbx_json_t *json)
{
    cbx_err_t err;

    if (room->loaded)
        return CBX_OK;
    if ((err = cbx_room_know(room, store)) != CBX_OK)
        return err;
    make_place(room);
    if ((err = read_newest(room, store, json)) != CBX_OK)
        cbx_room_forget_messages(room);
    room->loaded = err == CBX_OK;
    return err;
}

static void remember_floor(cbx_room_t *room, int64_t rev)
{
    if (room->floor_rev < rev)
        room->floor_rev = rev;
}

static void remove_late(cbx_room_t *room, size_t i)
{
    discard(room, room->late[i]);
    memmove(room->late + i, room->late + i + 1, sizeof(room->late[0]) * (--room->late_len - i));
}

/* keeps an older message among those that changed last; the one whose change is longest ago goes */
static void keep_late(cbx_room_t *room, cbx_entry_t *entry)
{
    size_t i;

    for (i = 0; i != room->late_len; ++i) {
        if (room->late[i]->id == entry->id) {
            remove_late(room, i);
            break;
        }
    }
    if (room->late_len == CBX_ROOM_LATE) {
        remember_floor(room, room->late[0]->rev);
        remove_late(room, 0);
    }
    for (i = room->late_len; i != 0 && room->late[i - 1]->rev > entry->rev; --i)
        room->late[i] = room->late[i - 1];
    room->late[i] = entry;
    ++room->late_len;
}

static void append(cbx_room_t *room, cbx_entry_t *entry)
{
    if (room->len == CBX_ROOM_MEMORY) {
        room->older = true;
        keep_late(room, room->entries[0]);
        memmove(room->entries, room->entries + 1, sizeof(room->entries[0]) * --room->len);
    }
    room->entries[room->len++] = entry;
    room->last_id = entry->id;
}

void cbx_room_put(cbx_room_t *room, cbx_entry_t *entry)
{
    CBX_ASSERT(entry->rev > room->rev);
    room->rev = entry->rev;
    count_in(room, entry);
    if (entry->id > room->last_id) {
        append(room, entry);
        return;
    }
    for (size_t i = room->len; i-- != 0;) {
        if (room->entries[i]->id != entry->id)
            continue;
        discard(room, room->entries[i]);
        room->entries[i] = entry;
        return;
    }
    keep_late(room, entry);
}

bool cbx_room_remembers(const cbx_room_t *room, int64_t since)
{
    return since >= room->floor_rev;
}

/* -- histories -- */

static int by_rev(const void *a, const void *b)
{
    int64_t x = (*(cbx_entry_t *const *)a)->rev, y = (*(cbx_entry_t *const *)b)->rev;

    return (x > y) - (x < y);
}

/* a fetched message that changed again meanwhile is told once, by its newer self from memory */
static bool superseded(const cbx_entry_t *entry, cbx_entry_t *const *newer, size_t len)
{
    for (size_t i = 0; i != len; ++i)
        if (newer[i]->id == entry->id)
            return true;
    return false;
}

static void put_changes(cbx_room_t *room, cbx_json_t *json, int64_t since, const cbx_fetched_t *fetched)
{
    cbx_entry_t *newer[CBX_ROOM_MEMORY + CBX_ROOM_LATE];
    size_t n = 0;

    for (size_t i = 0; i != room->late_len; ++i)
        if (room->late[i]->rev > since)
            newer[n++] = room->late[i];
    for (size_t i = 0; i != room->len; ++i)
        if (room->entries[i]->rev > since)
            newer[n++] = room->entries[i];
    qsort(newer, n, sizeof(newer[0]), by_rev);
    for (size_t i = 0; fetched != NULL && i != fetched->len; ++i)
        if (!superseded(fetched->messages[i], newer, n))
            cbx_json_raw(json, fetched->messages[i]->json, fetched->messages[i]->len);
    for (size_t i = 0; i != n; ++i)
        cbx_json_raw(json, newer[i]->json, newer[i]->len);
}

/* the first entry of the newest page */
static size_t page_start(const cbx_room_t *room)
{
    return room->len > CBX_PAGE_DEFAULT ? room->len - CBX_PAGE_DEFAULT : 0;
}

size_t cbx_room_history_bytes(const cbx_room_t *room, int64_t since)
{
    size_t bytes = 0;

    for (size_t i = since == -1 ? page_start(room) : 0; i != room->len; ++i)
        bytes += room->entries[i]->rev > since ? room->entries[i]->len : 0;
    for (size_t i = 0; since != -1 && i != room->late_len; ++i)
        bytes += room->late[i]->rev > since ? room->late[i]->len : 0;
    return bytes;
}

static void put_newest(const cbx_room_t *room, cbx_json_t *json)
{
    for (size_t i = page_start(room); i != room->len; ++i)
        cbx_json_raw(json, room->entries[i]->json, room->entries[i]->len);
}

void cbx_room_put_history(cbx_room_t *room, cbx_json_t *json, int64_t since, const cbx_fetched_t *fetched,
                          bool reset)
{
    CBX_ASSERT(room->loaded || (room->known && since == room->rev));
    cbx_json_open(json);
    cbx_json_put_text(json, "type", "history");
    cbx_json_put_int(json, "room", room->id);
    cbx_json_put_int(json, "rev", room->rev);
    cbx_json_put_bool(json, "reset", reset);
    cbx_json_put_bool(json, "more", since == -1 && (room->older || room->len > CBX_PAGE_DEFAULT));
    cbx_json_key(json, "messages");
    cbx_json_open_list(json);
    if (since == -1)
        put_newest(room, json);
    else
        put_changes(room, json, since, fetched);
    cbx_json_close_list(json);
    cbx_json_close(json);
}
