/* hub.c -- who is here, and telling them.
 *
 * One hub per worker. It knows the sessions of its own loop and nothing of the others; events reach it
 * through the mailbox, already encoded and in commit order. A room's frames of a turn are gathered, joined
 * into one run of bytes, and written at the turn's end: one write a listener, however many frames. Nothing
 * here blocks, and nothing is locked.
 */
#include "live/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/stats.h"
#include "chat/seat.h"
#include "live/hub_inside.h"

enum {
    LINGER_MS = 5000,  /* for the peer's close frame */
    PATIENCE_MS = 1000 /* that a connection may be over outbound-limit: a burst is no slowness */
};

/* -- lists of the turn -- */

void cbx_hub_dirty(cbx_hub_t *hub, cbx_session_t *s)
{
    if (s->dirty)
        return;
    s->dirty = true;
    s->next_dirty = hub->dirty;
    hub->dirty = s;
}

/* -- sessions, by number -- */

static cbx_session_t *find_session(const cbx_hub_t *hub, uint64_t id)
{
    uint32_t slot = cbx_session_slot(id);
    cbx_session_t *s = slot < hub->slots_len ? hub->slots[slot] : NULL;

    return s != NULL && s->id == id ? s : NULL;
}

static uint32_t take_slot(cbx_hub_t *hub)
{
    ++hub->sessions;
    CBX_COUNT(sessions, 1);
    if (hub->free_len != 0)
        return hub->free_slots[--hub->free_len];
    CBX_ASSERT(hub->slots_len != CBX_SLOTS_MAX); /* no process has so many descriptors */
    if (hub->slots_len == hub->slots_cap) {
        hub->slots_cap = hub->slots_cap == 0 ? 16 : hub->slots_cap * 2;
        hub->slots = cbx_realloc(hub->slots, sizeof(*hub->slots) * hub->slots_cap);
    }
    return hub->slots_len++;
}

static void free_slot(cbx_hub_t *hub, uint64_t id)
{
    if (hub->free_len == hub->free_cap) {
        hub->free_cap = hub->slots_cap;
        hub->free_slots = cbx_realloc(hub->free_slots, sizeof(*hub->free_slots) * hub->free_cap);
    }
    --hub->sessions;
    CBX_COUNT(sessions, -1);
    hub->slots[cbx_session_slot(id)] = NULL;
    hub->free_slots[hub->free_len++] = cbx_session_slot(id);
}

/* -- rooms -- */

static cbx_hub_room_t *find_room(cbx_hub_t *hub, int64_t id)
{
    cbx_hub_room_t *room;

    HASH_FIND(hh, hub->rooms, &id, sizeof(id), room);
    return room;
}

static cbx_hub_room_t *room_of(cbx_hub_t *hub, int64_t id)
{
    cbx_hub_room_t *room = find_room(hub, id);

    if (room == NULL) {
        room = cbx_zalloc(sizeof(*room));
        room->id = id;
        HASH_ADD(hh, hub->rooms, id, sizeof(room->id), room);
    }
    return room;
}

static size_t put_frames(const cbx_frames_t *frames, uint8_t *to)
{
    size_t len = 0;

    for (size_t i = 0; i != frames->len; ++i) {
        if (to != NULL)
            memcpy(to + len, frames->list[i]->bytes, frames->list[i]->len);
        len += frames->list[i]->len;
    }
    return len;
}

/* the frames of this turn as one run (NULL: none); the news goes first: who typed and then spoke types no
 * longer. The caller's reference. */
static cbx_frame_t *join_frames(const cbx_frames_t *frames, const cbx_frames_t *news)
{
    cbx_frame_t *run;
    size_t len;

    if (frames->len + news->len <= 1)
        return frames->len + news->len == 0
                   ? NULL
                   : cbx_frame_ref(frames->len == 1 ? frames->list[0] : news->list[0]);
    run = cbx_frame_alloc(put_frames(frames, NULL) + put_frames(news, NULL));
    len = put_frames(news, run->bytes);
    put_frames(frames, run->bytes + len);
    return run;
}

static void drop_frames(cbx_frames_t *frames)
{
    for (size_t i = 0; i != frames->len; ++i)
        cbx_frame_unref(frames->list[i]);
    frames->len = 0;
}

static void add_to(cbx_frames_t *frames, cbx_frame_t *frame)
{
    if (frames->len == frames->cap) {
        frames->cap = frames->cap == 0 ? 4 : frames->cap * 2;
        frames->list = cbx_realloc(frames->list, sizeof(*frames->list) * frames->cap);
    }
    frames->list[frames->len++] = frame;
}

/* what a room is told this turn, as bytes */
struct telling {
    cbx_frame_t *full; /* NULL: nothing */
    cbx_frame_t *lean; /* without news, for those who have much waiting already; NULL: nothing */
};

static struct telling make_telling(const cbx_frames_t *frames, const cbx_frames_t *news)
{
    static const cbx_frames_t none;

    return (struct telling){join_frames(frames, news), news->len != 0 ? join_frames(frames, &none) : NULL};
}

static void deflate_frames(cbx_deflate_t *deflate, const cbx_frames_t *from, cbx_frames_t *to)
{
    for (size_t i = 0; i != from->len; ++i)
        add_to(to, cbx_deflate_frame(deflate, from->list[i]));
}

/* the same, each message compressed: once, for all who take it so */
static struct telling make_deflated(cbx_deflate_t *deflate, const cbx_hub_room_t *room)
{
    cbx_frames_t frames = {0}, news = {0};
    struct telling telling;

    deflate_frames(deflate, &room->frames, &frames);
    deflate_frames(deflate, &room->news, &news);
    telling = make_telling(&frames, &news);
    drop_frames(&frames);
    drop_frames(&news);
    free(frames.list);
    free(news.list);
    return telling;
}

/* `at_once`: nothing else will be told this turn, so what can be sent straight is */
static void tell_listeners(cbx_hub_room_t *room, const struct telling *plain, const struct telling *deflated,
                           bool at_once)
{
    for (size_t i = 0; i < room->len;) {
        cbx_session_t *s = room->listeners[i];
        const struct telling *telling = s->deflates ? deflated : plain;
        cbx_frame_t *run = room->news.len == 0 || cbx_session_takes_news(s) ? telling->full : telling->lean;
        if (run != NULL && at_once)
            cbx_session_send(s, run);
        else if (run != NULL)
            cbx_session_push(s, run);
        i += i < room->len &&
             room->listeners[i] == s; /* a session that failed left, and another took its place */
    }
}

static void drop_telling(struct telling *telling)
{
    cbx_frame_unref(telling->full);
    cbx_frame_unref(telling->lean);
}

static void flush_room(cbx_hub_t *hub, cbx_hub_room_t *room, bool at_once)
{
    struct telling plain, deflated = {NULL, NULL};

    if (room->frames.len + room->news.len == 0)
        return;
    plain = make_telling(&room->frames, &room->news);
    if (room->deflaters != 0)
        deflated = make_deflated(hub->deflate, room);
    CBX_COUNT(frames_out, (int64_t)((room->frames.len + room->news.len) * room->len));
    tell_listeners(room, &plain, &deflated, at_once);
    drop_telling(&plain);
    drop_telling(&deflated);
    drop_frames(&room->frames);
    drop_frames(&room->news);
}

static void add_frame(cbx_hub_t *hub, cbx_hub_room_t *room, const cbx_row_t *row)
{
    cbx_frames_t *frames = row->kind == CBX_ROW_NEWS ? &room->news : &room->frames;

    if (!room->dirty) {
        room->dirty = true;
        room->next_dirty = hub->dirty_rooms;
        hub->dirty_rooms = room;
    }
    add_to(frames, cbx_frame_ref(row->frame));
}

static bool hears(const cbx_session_t *s, const cbx_hub_room_t *room)
{
    for (size_t i = 0; i != s->places_len; ++i)
        if (s->places[i].room == room)
            return true;
    return false;
}

static void join_room(cbx_session_t *s, cbx_hub_room_t *room)
{
    if (s->state != CBX_OPEN || hears(s, room))
        return;
    if (room->len == room->cap) {
        room->cap = room->cap == 0 ? 4 : room->cap * 2;
        room->listeners = cbx_realloc(room->listeners, sizeof(*room->listeners) * room->cap);
    }
    s->places = cbx_realloc(s->places, sizeof(*s->places) * (s->places_len + 1));
    s->places[s->places_len++] = (struct cbx_place){room, room->len};
    room->listeners[room->len++] = s;
    room->deflaters += s->deflates;
}

/* the last listener takes the place of the one that goes */
static void leave_place(cbx_session_t *s, size_t at)
{
    struct cbx_place place = s->places[at];
    cbx_session_t *last = place.room->listeners[--place.room->len];

    place.room->deflaters -= s->deflates;
    place.room->listeners[place.index] = last;
    for (size_t i = 0; i != last->places_len; ++i)
        if (last->places[i].room == place.room)
            last->places[i].index = place.index;
    s->places[at] = s->places[--s->places_len];
}

static void leave_room(cbx_session_t *s, const cbx_hub_room_t *room)
{
    for (size_t i = 0; i != s->places_len; ++i) {
        if (s->places[i].room == room) {
            leave_place(s, i);
            return;
        }
    }
}

void cbx_hub_forget(cbx_hub_t *hub, cbx_session_t *s)
{
    while (s->places_len != 0)
        leave_place(s, s->places_len - 1);
    s->next_dead = hub->dead;
    hub->dead = s;
}

/* -- what the core says -- */

static void on_private_row(cbx_hub_t *hub, const cbx_row_t *row)
{
    bool roomless = row->kind == CBX_ROW_SESSION || row->kind == CBX_ROW_REFUSE || row->kind == CBX_ROW_CLOSE;
    cbx_hub_room_t *room = roomless ? NULL : room_of(hub, row->room);
    cbx_session_t *s = find_session(hub, row->session);

    if (s == NULL)
        return;
    switch (row->kind) {
    case CBX_ROW_REFUSE:
        s->asking = false;
        cbx_session_give(s, row->frame);
        break;
    case CBX_ROW_SESSION:
        cbx_session_give(s, row->frame);
        break;
    case CBX_ROW_WELCOME:
        flush_room(hub, room, false);
        for (size_t i = 0; i != s->places_len;
             ++i) /* who says hello again: what came before it, goes before */
            flush_room(hub, s->places[i].room, false);
        cbx_session_welcome(s, row->frame);
        join_room(s, room);
        break;
    case CBX_ROW_JOIN: /* what was told before is not for the one who comes, and part of the history he gets
                        */
        flush_room(hub, room, false);
        if (row->asked)
            cbx_session_snapshot(s, row->frame);
        else
            cbx_session_give(s, row->frame);
        join_room(s, room);
        break;
    case CBX_ROW_PART:
        flush_room(hub, room, false);
        leave_room(s, room);
        break;
    case CBX_ROW_CLOSE:
        cbx_session_close(s, row->code);
        break;
    case CBX_ROW_ROOM:
    case CBX_ROW_NEWS:
        break; /* not private */
    }
}

/* the core's batch, by mail: in order, rooms' frames gathered, private ones queued */
static void on_batch(cbx_batch_t *batch, void *arg)
{
    cbx_hub_t *hub = arg;

    for (size_t i = 0; i != batch->len; ++i) {
        const cbx_row_t *row = &batch->rows[i];
        cbx_hub_room_t *room;
        if (row->kind != CBX_ROW_ROOM && row->kind != CBX_ROW_NEWS) {
            if (cbx_session_outlet(row->session) == hub->local->outlet)
                on_private_row(hub, row);
        } else if ((room = find_room(hub, row->room)) != NULL && room->len != 0) {
            add_frame(hub, room, row);
        }
    }
    cbx_batch_unref(batch);
}

/* -- the end of a turn -- */

static void flush_rooms(cbx_hub_t *hub)
{
    bool at_once = hub->dirty_rooms != NULL && hub->dirty_rooms->next_dirty == NULL;

    for (cbx_hub_room_t *room; (room = hub->dirty_rooms) != NULL;) {
        hub->dirty_rooms = room->next_dirty;
        room->dirty = false;
        flush_room(hub, room, at_once);
    }
}

static void free_dead(cbx_hub_t *hub)
{
    for (cbx_session_t *s; (s = hub->dead) != NULL;) {
        hub->dead = s->next_dead;
        free_slot(hub, s->id);
        cbx_session_free(s);
    }
}

void cbx_hub_flush(cbx_hub_t *hub)
{
    flush_rooms(hub);
    for (cbx_session_t *s; (s = hub->dirty) != NULL;) {
        hub->dirty = s->next_dirty;
        s->dirty = false;
        cbx_session_write(s);
    }
    cbx_parser_rest(hub);
    free_dead(hub);
}

/* -- life -- */

void cbx_hub_upgrade(cbx_hub_t *hub, h2o_req_t *req, const char *key, const cbx_token_t *token, bool deflate)
{
    uint32_t slot = take_slot(hub);
    uint64_t id = cbx_session_number(hub->local->outlet, ++hub->count, slot);
    cbx_session_t *s = cbx_session_create(hub, req, key, token, deflate, id);

    hub->slots[slot] = s;
    if (hub->draining)
        cbx_session_close(s, CBX_GOING_AWAY);
}

cbx_hub_t *cbx_hub_create(cbx_local_t *local)
{
    cbx_hub_t *hub = cbx_zalloc(sizeof(*hub));
    h2o_loop_t *loop = local->ctx.loop;

    hub->local = local;
    hub->json = cbx_json_create();
    if (local->settings->compress)
        hub->deflate = cbx_deflate_create();
    hub->seed = (unsigned)(uintptr_t)hub;
    h2o_timeout_init(loop, &hub->hello, (uint64_t)local->settings->hello_timeout * 1000);
    h2o_timeout_init(loop, &hub->ping, (uint64_t)local->settings->ping_interval * 1000 / 2);
    h2o_timeout_init(loop, &hub->patience, PATIENCE_MS);
    h2o_timeout_init(loop, &hub->linger, LINGER_MS);
    local->outlet = cbx_core_add_outlet(local->core, &local->mailbox, on_batch, hub);
    return hub;
}

void cbx_hub_drain(cbx_hub_t *hub)
{
    hub->draining = true;
    for (uint32_t i = 0; i != hub->slots_len; ++i)
        if (hub->slots[i] != NULL)
            cbx_session_bye(hub->slots[i]);
}

void cbx_hub_cut(cbx_hub_t *hub)
{
    for (uint32_t i = 0; i != hub->slots_len; ++i)
        if (hub->slots[i] != NULL && hub->slots[i]->conn->sock != NULL)
            cbx_session_cut(hub->slots[i]);
    cbx_hub_flush(hub);
}

size_t cbx_hub_sessions(const cbx_hub_t *hub)
{
    return hub->sessions;
}

void cbx_hub_free(cbx_hub_t *hub)
{
    cbx_hub_room_t *room, *tmp;

    if (hub == NULL)
        return;
    CBX_ASSERT(hub->sessions == 0);
    HASH_ITER(hh, hub->rooms, room, tmp) {
        HASH_DEL(hub->rooms, room);
        free(room->listeners);
        free(room->frames.list);
        free(room->news.list);
        free(room);
    }
    h2o_timeout_dispose(hub->local->ctx.loop, &hub->hello);
    h2o_timeout_dispose(hub->local->ctx.loop, &hub->ping);
    h2o_timeout_dispose(hub->local->ctx.loop, &hub->patience);
    h2o_timeout_dispose(hub->local->ctx.loop, &hub->linger);
    cbx_parser_free_idle(hub);
    free(hub->slots);
    free(hub->free_slots);
    cbx_json_free(hub->json);
    cbx_deflate_free(hub->deflate);
    free(hub);
}
