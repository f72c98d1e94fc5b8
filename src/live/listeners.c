/* listeners.c -- telling a room: the frames of a turn become one run of bytes, and each listener gets it in
 * one write.
 *
 * This is where the time of a busy server goes, nearly all of it inside the kernel. So what can be sent
 * straight is sent in one submission (uring.h), and the loop touches one cache line of a session.
 */
#include "live/listeners.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/stats.h"
#include "live/hub_inside.h"

enum { AHEAD = 8 }; /* listeners that are fetched from memory ahead of their turn */

cbx_hub_room_t *cbx_room_find(cbx_hub_t *hub, int64_t id)
{
    cbx_hub_room_t *room;

    HASH_FIND(hh, hub->rooms, &id, sizeof(id), room);
    return room;
}

cbx_hub_room_t *cbx_room_get(cbx_hub_t *hub, int64_t id)
{
    cbx_hub_room_t *room = cbx_room_find(hub, id);

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
    const cbx_frames_t *some = frames->len != 0 ? frames : news;
    cbx_frame_t *run;
    size_t len;

    if (frames->len + news->len <= 1)
        return some->len != 0 ? cbx_frame_ref(some->list[0]) : NULL;
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

struct tellings {
    struct telling plain, deflated;
    bool news; /* there are some */
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

/* what this listener is told: news only where little waits */
static cbx_frame_t *run_for(const cbx_session_t *s, const struct tellings *t)
{
    const struct telling *telling = s->deflates ? &t->deflated : &t->plain;

    return !t->news || cbx_session_takes_news(s) ? telling->full : telling->lean;
}

/* behind what waits for them: to all, or, where the others are next, to those for whom something does */
static void push_to_listeners(cbx_hub_room_t *room, const struct tellings *t, bool others_next)
{
    for (size_t i = 0; i != room->len; ++i) {
        cbx_session_t *s = room->listeners[i];
        cbx_frame_t *run;
        if (i + AHEAD < room->len)
            __builtin_prefetch(room->listeners[i + AHEAD]);
        if (others_next && cbx_session_is_clear(s))
            continue;
        s->told = others_next;
        if ((run = run_for(s, t)) != NULL)
            cbx_session_push(s, run);
    }
}

/* up to CBX_SENDINGS of those with an index below `*left`, from the last to the first: who is cut meanwhile
 * gives the place to somebody who has been told already */
static size_t gather(cbx_hub_t *hub, cbx_hub_room_t *room, const struct tellings *t, size_t *left)
{
    size_t n = 0;

    while (*left != 0 && n != CBX_SENDINGS) {
        cbx_session_t *s = room->listeners[--*left];
        cbx_frame_t *run = s->told ? NULL : run_for(s, t);
        if (*left >= AHEAD)
            __builtin_prefetch(room->listeners[*left - AHEAD]);
        s->told = false;
        if (run == NULL)
            continue;
        hub->straight[n] = (struct cbx_straight){s, run};
        hub->sendings[n++] = (cbx_sending_t){s->fd, run->bytes, run->len, 0};
    }
    return n;
}

static void send_to_others(cbx_hub_t *hub, cbx_hub_room_t *room, const struct tellings *t)
{
    for (size_t left = room->len, n; left != 0;) {
        n = gather(hub, room, t, &left);
        cbx_uring_send(hub->uring, hub->sendings, n);
        for (size_t i = 0; i != n; ++i)
            cbx_session_sent(hub->straight[i].session, hub->straight[i].run, hub->sendings[i].sent);
    }
}

static void drop_telling(struct telling *telling)
{
    cbx_frame_unref(telling->full);
    cbx_frame_unref(telling->lean);
}

/* `alone`: nothing else is told this turn, so it goes straight to the sockets of those for whom nothing
 * waits. The others come first: whoever spoke has the answer before a thousand have the event, and says the
 * next thing while they get it. */
static void flush(cbx_hub_t *hub, cbx_hub_room_t *room, bool alone)
{
    struct tellings t = {.news = room->news.len != 0};

    if (room->frames.len + room->news.len == 0)
        return;
    t.plain = make_telling(&room->frames, &room->news);
    if (room->deflaters != 0)
        t.deflated = make_deflated(hub->deflate, room);
    CBX_COUNT(frames_out, (int64_t)((room->frames.len + room->news.len) * room->len));
    push_to_listeners(room, &t, alone);
    if (alone) {
        cbx_hub_write(hub);
        send_to_others(hub, room, &t);
    }
    drop_telling(&t.plain);
    drop_telling(&t.deflated);
    drop_frames(&room->frames);
    drop_frames(&room->news);
}

void cbx_room_flush(cbx_hub_t *hub, cbx_hub_room_t *room)
{
    flush(hub, room, false);
}

static cbx_hub_room_t *next_dirty_room(cbx_hub_t *hub)
{
    cbx_hub_room_t *room = hub->dirty_rooms;

    if (room != NULL) {
        hub->dirty_rooms = room->next_dirty;
        room->dirty = false;
    }
    return room;
}

void cbx_rooms_flush(cbx_hub_t *hub)
{
    cbx_hub_room_t *room = next_dirty_room(hub);
    bool alone = hub->dirty_rooms == NULL;

    for (; room != NULL; room = next_dirty_room(hub))
        flush(hub, room, alone);
}

void cbx_room_tell(cbx_hub_t *hub, cbx_hub_room_t *room, const cbx_row_t *row)
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

void cbx_room_join(cbx_hub_room_t *room, cbx_session_t *s)
{
    if (s->state != CBX_OPEN || hears(s, room))
        return;
    if (room->len == room->cap) {
        room->cap += room->cap / 2 + 4;
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

void cbx_room_leave(const cbx_hub_room_t *room, cbx_session_t *s)
{
    for (size_t i = 0; i != s->places_len; ++i) {
        if (s->places[i].room == room) {
            leave_place(s, i);
            return;
        }
    }
}

void cbx_rooms_leave(cbx_session_t *s)
{
    while (s->places_len != 0)
        leave_place(s, s->places_len - 1);
}

void cbx_rooms_free(cbx_hub_t *hub)
{
    cbx_hub_room_t *room, *tmp;

    HASH_ITER(hh, hub->rooms, room, tmp) {
        HASH_DEL(hub->rooms, room); /* NOLINT(clang-analyzer-unix.Malloc): not the one freed before */
        free(room->listeners);
        free(room->frames.list);
        free(room->news.list);
        free(room);
    }
}
