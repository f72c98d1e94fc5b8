/* hub.c -- who is here, and telling them.
 *
 * One hub per worker. It knows the sessions of its own loop and nothing of the others; events reach it
 * through the mailbox, already encoded and in commit order. What a room is told in a turn is gathered, and
 * written at the turn's end (listeners.c). Nothing here blocks, and nothing is locked.
 */
#include "live/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/stats.h"
#include "chat/seat.h"
#include "live/hub_inside.h"
#include "live/listeners.h"

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
    s->next_dirty = NULL;
    if (hub->dirty == NULL)
        hub->dirty = s;
    else
        hub->dirty_last->next_dirty = s;
    hub->dirty_last = s;
}

/* in order: answers were there before what the rooms are told */
void cbx_hub_write(cbx_hub_t *hub)
{
    for (cbx_session_t *s; (s = hub->dirty) != NULL;) {
        hub->dirty = s->next_dirty;
        s->dirty = false;
        CBX_FAULT("before-ack");
        cbx_session_write(s);
    }
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
        hub->slots_cap += hub->slots_cap / 2 + 16;
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

void cbx_hub_forget(cbx_hub_t *hub, cbx_session_t *s)
{
    cbx_rooms_leave(s);
    s->next_dead = hub->dead;
    hub->dead = s;
}

/* -- what the core says -- */

static void on_private_row(cbx_hub_t *hub, const cbx_row_t *row)
{
    bool roomless = row->kind == CBX_ROW_SESSION || row->kind == CBX_ROW_REFUSE || row->kind == CBX_ROW_CLOSE;
    cbx_hub_room_t *room = roomless ? NULL : cbx_room_get(hub, row->room);
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
        cbx_room_flush(hub, room);
        for (size_t i = 0; i != s->places_len;
             ++i) /* who says hello again: what came before it, goes before */
            cbx_room_flush(hub, s->places[i].room);
        cbx_session_welcome(s, row->frame);
        cbx_room_join(room, s);
        break;
    case CBX_ROW_JOIN: /* what was told before is not for the one who comes, and part of the history he gets
                        */
        cbx_room_flush(hub, room);
        if (row->asked)
            cbx_session_snapshot(s, row->frame);
        else
            cbx_session_give(s, row->frame);
        cbx_room_join(room, s);
        break;
    case CBX_ROW_PART:
        cbx_room_flush(hub, room);
        cbx_room_leave(room, s);
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
        } else if ((room = cbx_room_find(hub, row->room)) != NULL && room->len != 0) {
            cbx_room_tell(hub, room, row);
        }
    }
    cbx_batch_unref(batch);
}

/* -- the end of a turn -- */

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
    cbx_rooms_flush(hub);
    cbx_hub_write(hub);
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
    hub->uring = cbx_uring_create();
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

void cbx_hub_relieve(cbx_hub_t *hub, size_t share, size_t hoard)
{
    int64_t now = cbx_clock_steady();

    cbx_parser_relieve(hub, share);
    for (uint32_t i = 0; hoard != SIZE_MAX && i != hub->slots_len; ++i) {
        cbx_session_t *s = hub->slots[i];
        if (s == NULL || s->state == CBX_CLOSED || s->conn->sock == NULL ||
            !cbx_outbound_hoards(&s->out, hoard, PATIENCE_MS, now))
            continue;
        CBX_COUNT(connections_cut, 1);
        cbx_session_cut(s);
    }
}

size_t cbx_hub_sessions(const cbx_hub_t *hub)
{
    return hub->sessions;
}

void cbx_hub_free(cbx_hub_t *hub)
{
    if (hub == NULL)
        return;
    CBX_ASSERT(hub->sessions == 0);
    cbx_rooms_free(hub);
    cbx_uring_free(hub->uring);
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
