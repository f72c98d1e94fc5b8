/* rooms.c -- making rooms, coming in and going out.
 *
 * Who may: anybody makes rooms and joins public ones; a member adds others; the owner, who made it, removes
 * them and changes name and topic. `general` is everybody's and nobody leaves it; a direct room is of two and
 * stays so. A private room does not exist for those who are not in it: they get not_found, not forbidden.
 *
 * Membership does not count in `rev`: whoever is away reads it in the next welcome.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "chat/state.h"

/* the key of the direct room of two users: the same whoever asks */
static void make_key(char key[48], int64_t a, int64_t b)
{
    snprintf(key, 48, "%" PRId64 ":%" PRId64, a < b ? a : b, a < b ? b : a);
}

/* the answer to whoever asked for one room */
static cbx_err_t answer_room(cbx_core_t *core, cbx_command_t *cmd, cbx_person_t *person, cbx_room_t *room)
{
    cbx_err_t err;

    if (cbx_count_ahead(core, cmd, person, room->id))
        return cmd->err;
    cbx_json_begin(core->json);
    if ((err = cbx_put_room(core, room, person, cbx_person_in_room(person, room->id))) == CBX_OK)
        cbx_core_body(core, cmd);
    return err;
}

/* {"type":"room",…} with the room as this person sees it, or, out of it, just its id */
static cbx_err_t tell_room(cbx_core_t *core, const cbx_seat_t *seat, const cbx_room_t *room)
{
    const cbx_membership_t *membership = cbx_person_in_room(seat->person, room->id);
    cbx_err_t err = CBX_OK;

    cbx_json_begin(core->json);
    cbx_json_open(core->json);
    cbx_json_put_text(core->json, "type", "room");
    cbx_json_key(core->json, "room");
    if (membership != NULL) {
        err = cbx_put_room(core, room, seat->person, membership);
    } else {
        cbx_json_open(core->json);
        cbx_json_put_int(core->json, "id", room->id);
        cbx_json_close(core->json);
    }
    if (err != CBX_OK)
        return err;
    cbx_json_put_bool(core->json, "joined", membership != NULL);
    cbx_json_close(core->json);
    cbx_core_tell_seat(core, CBX_ROW_SESSION, seat, 0);
    return CBX_OK;
}

/* -- in and out -- */

static cbx_err_t let_in(cbx_core_t *core, cbx_room_t *room, int64_t user_id)
{
    cbx_person_t *person = cbx_people_find(&core->people, user_id);
    cbx_frame_t *history = NULL;
    int64_t read_id;
    cbx_err_t err;

    if ((err = cbx_core_writing(core)) != CBX_OK ||
        (err = cbx_store_add_member(core->store, room->id, user_id, room->last_id, &read_id)) != CBX_OK)
        return err;
    ++room->members;
    if (person == NULL)
        return CBX_OK;
    cbx_person_join(person,
                    &(cbx_membership_t){.room = room->id, .read_id = read_id, .joined_id = room->last_id});
    for (cbx_seat_t *seat = person->seats; seat != NULL && err == CBX_OK; seat = seat->next)
        if (seat->welcomed && (err = tell_room(core, seat, room)) == CBX_OK)
            cbx_seat_hears(core, seat, room, &history);
    cbx_frame_unref(history);
    return err;
}

cbx_err_t cbx_core_part(cbx_core_t *core, cbx_room_t *room, cbx_person_t *person)
{
    cbx_err_t err;

    if ((err = cbx_core_load(core, room)) != CBX_OK || (err = cbx_core_writing(core)) != CBX_OK ||
        (err = cbx_store_remove_member(core->store, room->id, person->user.id)) != CBX_OK ||
        (err = cbx_room_load_top(room, core->store)) != CBX_OK)
        return err;
    --room->members;
    cbx_stop_typing(core, person, cbx_person_in_room(person, room->id), true);
    cbx_person_leave(person, room->id);
    for (cbx_seat_t *seat = person->seats; seat != NULL && err == CBX_OK; seat = seat->next) {
        if (!seat->welcomed)
            continue;
        cbx_core_tell_seat(core, CBX_ROW_PART, seat, room->id);
        err = tell_room(core, seat, room);
    }
    return err;
}

static cbx_err_t let_out(cbx_core_t *core, cbx_room_t *room, int64_t user_id)
{
    cbx_person_t *person;
    cbx_err_t err;

    if ((err = cbx_people_load(&core->people, core->store, user_id, core->burst, &person)) != CBX_OK)
        return err;
    if (cbx_person_in_room(person, room->id) == NULL)
        return CBX_ERR_NOT_FOUND;
    return cbx_core_part(core, room, person);
}

static cbx_err_t write_room(cbx_core_t *core, const cbx_room_t *room, const char *name, const char *topic,
                            int64_t owner_id)
{
    const cbx_store_room_t row = {
        .id = room->id, .kind = room->kind, .name = name, .topic = topic, .owner_id = owner_id};
    cbx_err_t err;

    if ((err = cbx_core_writing(core)) != CBX_OK)
        return err;
    return cbx_store_edit_room(core->store, &row);
}

/* the user whom the command names; nobody: the sender */
static cbx_err_t find_target(cbx_core_t *core, const cbx_command_t *cmd, const cbx_person_t *sender,
                             int64_t *user_id)
{
    cbx_store_user_t row = {0};
    cbx_err_t err;

    *user_id = sender->user.id;
    if (cmd->account.username[0] == '\0')
        return CBX_OK;
    if ((err = cbx_store_user_by_name(core->store, cmd->account.username, &row)) == CBX_OK)
        *user_id = row.user.id;
    cbx_store_user_dispose(&row);
    return err;
}

/* the room, if it is there for the sender: he is in it, or it is public */
static cbx_err_t find_room(cbx_core_t *core, const cbx_command_t *cmd, const cbx_person_t *sender,
                           cbx_room_t **room)
{
    *room = cbx_core_room(core, cmd->req.room);
    if (*room == NULL ||
        (cbx_person_in_room(sender, (*room)->id) == NULL && (*room)->kind != CBX_ROOM_PUBLIC))
        return CBX_ERR_NOT_FOUND;
    return cbx_core_load(core, *room);
}

static cbx_err_t prepare(cbx_core_t *core, cbx_command_t *cmd, cbx_person_t **sender, cbx_room_t **room,
                         int64_t *target)
{
    cbx_err_t err;

    if ((err = cbx_core_sender(core, cmd, sender)) == CBX_OK &&
        (err = find_room(core, cmd, *sender, room)) == CBX_OK)
        err = find_target(core, cmd, *sender, target);
    return err;
}

cbx_err_t cbx_run_join(cbx_core_t *core, cbx_command_t *cmd)
{
    cbx_person_t *sender;
    cbx_room_t *room;
    int64_t target;
    bool is;
    cbx_err_t err;

    if ((err = prepare(core, cmd, &sender, &room, &target)) != CBX_OK ||
        (err = cbx_store_is_member(core->store, room->id, target, &is)) != CBX_OK)
        return err;
    if ((room->kind == CBX_ROOM_DIRECT && !is) ||
        (target != sender->user.id && cbx_person_in_room(sender, room->id) == NULL))
        return CBX_ERR_FORBIDDEN; /* and whether he is in it, only members learn */
    if (!is && (err = let_in(core, room, target)) != CBX_OK)
        return err;
    return answer_room(core, cmd, sender, room);
}

cbx_err_t cbx_run_leave(cbx_core_t *core, cbx_command_t *cmd)
{
    cbx_person_t *sender;
    cbx_room_t *room;
    int64_t target;
    cbx_err_t err;

    if ((err = prepare(core, cmd, &sender, &room, &target)) != CBX_OK)
        return err;
    if (room->id == CBX_GENERAL || room->kind == CBX_ROOM_DIRECT ||
        (target != sender->user.id && room->owner_id != sender->user.id))
        return CBX_ERR_FORBIDDEN;
    if ((err = let_out(core, room, target)) != CBX_OK || target != room->owner_id)
        return err;
    if ((err = write_room(core, room, room->name, room->topic, 0)) == CBX_OK)
        room->owner_id = 0;
    return err;
}

/* -- making and changing -- */

static cbx_err_t make_room(cbx_core_t *core, const cbx_store_room_t *wanted, cbx_room_t **room)
{
    cbx_store_room_t row = *wanted;
    cbx_err_t err;

    if ((err = cbx_core_writing(core)) != CBX_OK ||
        (err = cbx_store_add_room(core->store, &row, core->now, &row.id)) != CBX_OK)
        return err;
    *room = cbx_core_add_room(core, &row);
    return cbx_core_load(core, *room);
}

cbx_err_t cbx_run_create(cbx_core_t *core, cbx_command_t *cmd)
{
    cbx_person_t *person;
    cbx_room_t *room;
    cbx_err_t err;

    if ((err = cbx_core_sender(core, cmd, &person)) != CBX_OK)
        return err;
    CBX_ASSERT(cmd->room.name != NULL && cmd->room.kind != CBX_ROOM_DIRECT);
    if ((err = make_room(core,
                         &(cbx_store_room_t){.kind = cmd->room.kind,
                                             .name = cmd->room.name,
                                             .topic = cmd->room.topic != NULL ? cmd->room.topic : "",
                                             .owner_id = person->user.id},
                         &room)) != CBX_OK ||
        (err = let_in(core, room, person->user.id)) != CBX_OK)
        return err;
    return answer_room(core, cmd, person, room);
}

static cbx_err_t make_direct(cbx_core_t *core, const char *key, int64_t a, int64_t b, cbx_room_t **room)
{
    cbx_err_t err;

    if ((err = make_room(core, &(cbx_store_room_t){.kind = CBX_ROOM_DIRECT, .name = key, .topic = ""},
                         room)) != CBX_OK ||
        (err = let_in(core, *room, a)) != CBX_OK)
        return err;
    return let_in(core, *room, b);
}

cbx_err_t cbx_run_direct(cbx_core_t *core, cbx_command_t *cmd)
{
    int64_t other, id;
    cbx_person_t *person;
    cbx_room_t *room;
    char key[48];
    cbx_err_t err;

    if ((err = cbx_core_sender(core, cmd, &person)) != CBX_OK ||
        (err = find_target(core, cmd, person, &other)) != CBX_OK)
        return err;
    if (other == person->user.id)
        return CBX_ERR_BAD_NAME;
    make_key(key, person->user.id, other);
    if ((err = cbx_store_direct(core->store, key, &id)) == CBX_ERR_NOT_FOUND) {
        err = make_direct(core, key, person->user.id, other, &room);
    } else if (err == CBX_OK) {
        cmd->dup = true;
        err = cbx_core_enter(core, person, id, &room);
    }
    return err == CBX_OK ? answer_room(core, cmd, person, room) : err;
}

/* everybody in the room gets the same bytes: what only concerns one of them is left out */
static void tell_change(cbx_core_t *core, const cbx_room_t *room)
{
    cbx_room_view_t view = cbx_room_view(room);

    cbx_json_begin(core->json);
    cbx_json_open(core->json);
    cbx_json_put_text(core->json, "type", "room");
    cbx_json_key(core->json, "room");
    cbx_put_room_open(core->json, &view);
    cbx_json_close(core->json);
    cbx_json_put_bool(core->json, "joined", true);
    cbx_json_close(core->json);
    cbx_core_tell(core, CBX_ROW_ROOM, room->id);
}

static void replace(char **old, char **with)
{
    if (*with == NULL)
        return;
    free(*old);
    *old = *with;
    *with = NULL;
}

cbx_err_t cbx_run_edit_room(cbx_core_t *core, cbx_command_t *cmd)
{
    cbx_room_change_t *change = &cmd->room;
    cbx_person_t *person;
    cbx_room_t *room;
    cbx_err_t err;

    if ((err = cbx_core_sender(core, cmd, &person)) != CBX_OK ||
        (err = find_room(core, cmd, person, &room)) != CBX_OK)
        return err;
    if (room->owner_id != person->user.id)
        return CBX_ERR_FORBIDDEN;
    if (cbx_count_ahead(core, cmd, person, room->id))
        return cmd->err;
    if ((err = write_room(core, room, change->name != NULL ? change->name : room->name,
                          change->topic != NULL ? change->topic : room->topic, room->owner_id)) != CBX_OK)
        return err;
    replace(&room->name, &change->name);
    replace(&room->topic, &change->topic);
    tell_change(core, room);
    return answer_room(core, cmd, person, room);
}
