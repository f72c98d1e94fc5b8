/* signs.c -- the small signs of being there: typing, which nobody keeps, and reading, which is kept and never
 * lies.
 *
 * A reading mark moves forward only, and not past the newest message. Up to 64 members everybody's moves are
 * told; above, only those that change one of the two highest marks (of two users): enough to tell seen from
 * delivered, and the traffic of a message stays the same in a room of any size.
 */
#include "base/clock.h"
#include "chat/state.h"

enum {
    TYPING_S = 5,           /* what others believe after one typing frame */
    TYPING_AGAIN_MS = 2000, /* a client says it every 3 s; what comes faster is not passed on */
    TYPING_ROOM_PER_S = 20, /* typing events a second and room: more, nobody could read */
    MARKS_MAX = 64
};

/* -- typing -- */

static bool room_may_hear(cbx_room_t *room, int64_t now)
{
    if (now - room->typing_second >= 1000) {
        room->typing_second = now;
        room->typing_count = 0;
    }
    return room->typing_count++ < TYPING_ROOM_PER_S;
}

static void tell_typing(cbx_core_t *core, const cbx_person_t *person, int64_t room, int seconds)
{
    cbx_json_begin(core->json);
    cbx_put_typing(core->json, room, person->user.username, seconds);
    cbx_core_tell(core, CBX_ROW_NEWS, room);
}

cbx_err_t cbx_run_typing(cbx_core_t *core, cbx_command_t *cmd)
{
    int64_t now = cbx_clock_steady();
    cbx_membership_t *membership;
    cbx_person_t *person;
    cbx_room_t *room;
    cbx_err_t err;

    if ((err = cbx_core_sender(core, cmd, &person)) != CBX_OK ||
        (err = cbx_core_enter(core, person, cmd->req.room, &room)) != CBX_OK)
        return err;
    membership = cbx_person_in_room(person, room->id);
    if (membership->typing_until - now > TYPING_S * 1000 - TYPING_AGAIN_MS || !room_may_hear(room, now))
        return CBX_OK;
    membership->typing_until = now + TYPING_S * 1000;
    tell_typing(core, person, room->id, TYPING_S);
    return CBX_OK;
}

void cbx_stop_typing(cbx_core_t *core, cbx_person_t *person, cbx_membership_t *membership, bool gone)
{
    int64_t now = cbx_clock_steady();

    if (gone && membership->typing_until > now && room_may_hear(cbx_core_room(core, membership->room), now))
        tell_typing(core, person, membership->room, 0);
    membership->typing_until = 0;
}

/* -- reading -- */

/* is one of the two highest marks another now? */
static bool changes_top(cbx_room_t *room, int64_t user_id, int64_t id)
{
    cbx_mark_t mark = {user_id, id}, *top = room->top;

    if (top[0].user_id == user_id) {
        top[0] = mark;
        return true;
    }
    if (top[1].user_id != user_id && id <= top[1].read_id)
        return false;
    top[1] = mark;
    if (top[1].read_id > top[0].read_id) {
        top[1] = top[0];
        top[0] = mark;
    }
    return true;
}

cbx_err_t cbx_run_read(cbx_core_t *core, cbx_command_t *cmd)
{
    cbx_membership_t *membership;
    cbx_person_t *person;
    cbx_room_t *room;
    bool top;
    cbx_err_t err;

    if ((err = cbx_core_sender(core, cmd, &person)) != CBX_OK ||
        (err = cbx_core_enter(core, person, cmd->req.room, &room)) != CBX_OK)
        return err;
    if (cmd->req.id > room->last_id)
        return CBX_ERR_NOT_FOUND;
    membership = cbx_person_in_room(person, room->id);
    if (cmd->req.id <= membership->read_id)
        return CBX_OK;
    if ((err = cbx_core_writing(core)) != CBX_OK ||
        (err = cbx_store_set_read(core->store, room->id, person->user.id, cmd->req.id)) != CBX_OK)
        return err;
    membership->read_id = cmd->req.id;
    top = changes_top(room, person->user.id, cmd->req.id);
    if (!top && room->members > MARKS_MAX)
        return CBX_OK;
    cbx_json_begin(core->json);
    cbx_put_read(core->json, room->id, person->user.username, cmd->req.id);
    cbx_core_tell(core, CBX_ROW_ROOM, room->id);
    return CBX_OK;
}
