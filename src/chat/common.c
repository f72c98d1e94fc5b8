/* common.c -- what every command needs: who asks, which room, the open transaction, and rows for the batch.
 */
#include <utlist.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/stats.h"
#include "chat/state.h"

/* While the last attempt failed nobody tries but the probe: a locked database makes each attempt wait, and
 * everybody behind it. */
cbx_err_t cbx_core_begin(cbx_core_t *core)
{
    cbx_err_t err;

    if (!cbx_core_storage_ok(core))
        return CBX_ERR_STORAGE_UNAVAILABLE;
    if ((err = cbx_store_begin(core->store)) != CBX_OK)
        cbx_core_set_storage_ok(core, false);
    return err;
}

cbx_err_t cbx_core_writing(cbx_core_t *core)
{
    cbx_err_t err;

    if (core->resigned)
        return CBX_ERR_DRAINING; /* who looked just before the drain, and posted just after */
    if (core->begun)
        return core->failed ? CBX_ERR_STORAGE_UNAVAILABLE : CBX_OK;
    if ((err = cbx_core_begin(core)) == CBX_OK)
        core->begun = true;
    return err;
}

cbx_room_t *cbx_core_room(const cbx_core_t *core, int64_t id)
{
    cbx_room_t *room;

    HASH_FIND(hh, core->rooms, &id, sizeof(id), room);
    return room;
}

static cbx_err_t sender_by_token(cbx_core_t *core, const cbx_command_t *cmd, cbx_person_t **person)
{
    int64_t user_id;
    cbx_err_t err;

    if ((err = cbx_store_session(core->store, cmd->jti, &user_id)) == CBX_OK)
        err = user_id != cmd->user_id
                  ? CBX_ERR_UNAUTHORIZED
                  : cbx_people_load(&core->people, core->store, user_id, core->burst, person);
    return err == CBX_ERR_NOT_FOUND ? CBX_ERR_UNAUTHORIZED : err;
}

static cbx_err_t find_sender(cbx_core_t *core, const cbx_command_t *cmd, cbx_person_t **person)
{
    const cbx_seat_t *seat;

    if (cmd->home != NULL)
        return sender_by_token(core, cmd, person);
    seat = cbx_seats_find(&core->people.seats, cmd->session);
    if (seat == NULL || seat->closing)
        return CBX_ERR_UNAUTHORIZED;
    return cbx_people_load(&core->people, core->store, seat->person->user.id, core->burst, person);
}

cbx_err_t cbx_core_sender(cbx_core_t *core, cbx_command_t *cmd, cbx_person_t **person)
{
    cbx_err_t err;

    if ((err = find_sender(core, cmd, person)) != CBX_OK || !cbx_command_costs(cmd->type) || cmd->again)
        return err;
    cmd->retry_after = cbx_person_spend(*person, core->settings->rate, core->burst, cbx_clock_steady());
    return cmd->retry_after > 0 ? CBX_ERR_RATE_LIMITED : CBX_OK;
}

/* What is kept of rooms: of 2,000 where people talk, 100 messages of 300 bytes each. What was used longest
 * ago is forgotten, and read again when it is needed; but not what is in use, or a room larger than that
 * would be read for each message. */
#define ROOMS_BYTES (INT64_C(64) << 20)
enum { IN_USE_MS = 1000 };

/* those that are loaded are in a list, the one that was used longest ago first */
cbx_err_t cbx_core_load(cbx_core_t *core, cbx_room_t *room)
{
    bool listed = room->loaded;
    cbx_err_t err = cbx_room_load(room, core->store, core->json);

    if (err != CBX_OK)
        return err;
    if (listed)
        DL_DELETE(core->loaded, room);
    DL_APPEND(core->loaded, room);
    room->used_at = cbx_clock_steady();
    return CBX_OK;
}

void cbx_core_forget_unused(cbx_core_t *core)
{
    int64_t most = cbx_memory_is_short() ? ROOMS_BYTES / 8 : ROOMS_BYTES;
    int64_t until = cbx_clock_steady() - IN_USE_MS;
    cbx_room_t *room;

    while ((room = core->loaded) != NULL && CBX_READ(rooms_bytes) > most && room->used_at <= until) {
        DL_DELETE(core->loaded, room);
        cbx_room_forget_messages(room);
    }
}

void cbx_core_forget(cbx_core_t *core, cbx_room_t *room)
{
    if (room->loaded)
        DL_DELETE(core->loaded, room);
    cbx_room_forget(room);
}

cbx_err_t cbx_core_enter(cbx_core_t *core, const cbx_person_t *person, int64_t room_id, cbx_room_t **room)
{
    if ((*room = cbx_core_room(core, room_id)) == NULL || !cbx_person_in_room(person, room_id))
        return CBX_ERR_NOT_FOUND;
    return cbx_core_load(core, *room);
}

cbx_frame_t *cbx_core_frame(cbx_core_t *core)
{
    size_t len;
    const char *bytes = cbx_json_bytes(core->json, &len);

    return cbx_frame_text(bytes, len);
}

void cbx_core_body(cbx_core_t *core, cbx_command_t *cmd)
{
    size_t len;
    const char *bytes = cbx_json_bytes(core->json, &len);

    cbx_buf_append(&cmd->body, bytes, len);
}

void cbx_core_tell_seat(cbx_core_t *core, cbx_row_kind_t kind, const cbx_seat_t *seat, int64_t room)
{
    cbx_batch_add(core->batch, (cbx_row_t){.kind = kind,
                                           .session = seat->session,
                                           .room = room,
                                           .frame = kind == CBX_ROW_PART ? NULL : cbx_core_frame(core)});
}

void cbx_core_tell(cbx_core_t *core, cbx_row_kind_t kind, int64_t room)
{
    cbx_batch_add(core->batch, (cbx_row_t){.kind = kind, .room = room, .frame = cbx_core_frame(core)});
}

cbx_room_t *cbx_core_add_room(cbx_core_t *core, const cbx_store_room_t *row)
{
    cbx_room_t *room = cbx_room_new(row);

    room->fresh = true;
    room->next_fresh = core->fresh;
    core->fresh = room;
    HASH_ADD(hh, core->rooms, id, sizeof(room->id), room);
    return room;
}

void cbx_core_changed(cbx_core_t *core, cbx_room_t *room)
{
    if (room->changed)
        return;
    room->changed = true;
    room->next_changed = core->changed;
    core->changed = room;
}
