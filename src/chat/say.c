/* say.c -- saying, changing and taking back: the commands that a room is made of.
 *
 * Each: may he? -> change the store -> number it -> ack to the sender, event to the room. The event is
 * encoded once, here.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/stats.h"
#include "chat/state.h"

/* a message of the store, kept beyond the callback */
struct found {
    cbx_message_t m;
    char *username, *cid, *text;
};

static void on_found(void *arg, const cbx_message_t *m)
{
    struct found *f = arg;

    f->m = *m;
    f->m.username = f->username = cbx_strdup(m->username);
    f->m.cid = f->cid = cbx_strdup(m->cid);
    f->m.text = f->text = cbx_memdup(m->text, m->text_len);
}

static void found_dispose(struct found *f)
{
    free(f->username);
    free(f->cid);
    free(f->text);
}

static void tell_room(cbx_core_t *core, const char *type, const cbx_entry_t *entry, int64_t room)
{
    cbx_json_begin(core->json);
    cbx_put_event(core->json, type, room, entry->rev, entry->json, entry->len);
    cbx_batch_add(core->batch,
                  (cbx_row_t){.kind = CBX_ROW_ROOM, .room = room, .frame = cbx_core_frame(core)});
}

static void ack(cbx_core_t *core, cbx_command_t *cmd, const cbx_message_t *m, bool dup)
{
    cmd->dup = dup;
    if (cmd->home != NULL) {
        const char *bytes;
        size_t len;
        cbx_json_begin(core->json);
        cbx_put_message(core->json, m);
        bytes = cbx_json_bytes(core->json, &len);
        cbx_buf_append(&cmd->body, bytes, len);
        return;
    }
    cbx_json_begin(core->json);
    cbx_put_ack(core->json, cmd->req.cid.bytes, m->id, m->rev, m->timestamp, dup);
    cbx_batch_add(
        core->batch,
        (cbx_row_t){.kind = CBX_ROW_SESSION, .session = cmd->session, .frame = cbx_core_frame(core)});
}

/* the change `m` is in the store: number the room, tell the sender and everybody */
static void publish(cbx_core_t *core, cbx_command_t *cmd, cbx_room_t *room, const char *type,
                    const cbx_message_t *m)
{
    cbx_entry_t *entry = cbx_entry_new(core->json, m);

    ack(core, cmd, m, false);
    tell_room(core, type, entry, room->id);
    cbx_room_put(room, entry);
    cbx_core_changed(core, room);
}

static cbx_err_t ack_first_one(cbx_core_t *core, cbx_command_t *cmd, int64_t id)
{
    struct found first = {0};
    cbx_err_t err;

    if ((err = cbx_store_message(core->store, id, on_found, &first)) == CBX_OK)
        ack(core, cmd, &first.m, true);
    found_dispose(&first);
    return err;
}

static cbx_err_t store_message(cbx_core_t *core, cbx_command_t *cmd, cbx_person_t *person, cbx_room_t *room)
{
    cbx_message_t m = {.room = room->id,
                       .rev = room->rev + 1,
                       .user_id = person->user.id,
                       .timestamp = core->now,
                       .username = person->user.username,
                       .cid = cmd->req.cid.bytes,
                       .text = cmd->req.text.bytes,
                       .text_len = cmd->req.text.len};
    bool dup = false;
    cbx_err_t err;

    if ((err = cbx_core_writing(core)) != CBX_OK ||
        (err = cbx_store_insert(core->store, &m, &m.id, &dup)) != CBX_OK)
        return err;
    if (dup)
        return ack_first_one(core, cmd, m.id);
    publish(core, cmd, room, "message", &m);
    cbx_stop_typing(core, person, cbx_person_in_room(person, room->id), false);
    CBX_COUNT(messages, 1);
    return CBX_OK;
}

cbx_err_t cbx_run_message(cbx_core_t *core, cbx_command_t *cmd)
{
    cbx_person_t *person;
    cbx_room_t *room;
    cbx_err_t err;

    if ((err = cbx_core_sender(core, cmd, &person)) == CBX_OK &&
        (err = cbx_core_enter(core, person, cmd->req.room, &room)) == CBX_OK)
        err = store_message(core, cmd, person, room);
    return err;
}

/* the message `id`, if the sender is in its room and it is not deleted */
static cbx_err_t find(cbx_core_t *core, const cbx_command_t *cmd, const cbx_person_t *person, struct found *f,
                      cbx_room_t **room)
{
    cbx_err_t err;

    if ((err = cbx_store_message(core->store, cmd->req.id, on_found, f)) != CBX_OK ||
        (err = cbx_core_enter(core, person, f->m.room, room)) != CBX_OK)
        return err;
    return f->m.deleted ? CBX_ERR_ALREADY_DELETED : CBX_OK;
}

static cbx_err_t change_text(cbx_core_t *core, cbx_command_t *cmd, const cbx_person_t *person,
                             struct found *f, cbx_room_t *room)
{
    const cbx_str_t *text = &cmd->req.text;
    cbx_err_t err;

    if (f->m.user_id != person->user.id)
        return CBX_ERR_FORBIDDEN;
    if (f->m.text_len == text->len && memcmp(f->m.text, text->bytes, text->len) == 0) {
        ack(core, cmd, &f->m, true); /* sent twice, most likely: nothing changes, so nobody is told */
        return CBX_OK;
    }
    f->m.text = text->bytes;
    f->m.text_len = text->len;
    f->m.edited = core->now;
    f->m.rev = room->rev + 1;
    if ((err = cbx_core_writing(core)) == CBX_OK &&
        (err = cbx_store_edit(core->store, f->m.id, text->bytes, text->len, f->m.edited, f->m.rev)) == CBX_OK)
        publish(core, cmd, room, "edit", &f->m);
    return err;
}

static cbx_err_t take_back(cbx_core_t *core, cbx_command_t *cmd, const cbx_person_t *person, struct found *f,
                           cbx_room_t *room)
{
    cbx_err_t err;

    if (f->m.user_id != person->user.id && room->owner_id != person->user.id)
        return CBX_ERR_FORBIDDEN;
    f->m.deleted = true;
    f->m.text_len = 0;
    f->m.rev = room->rev + 1;
    if ((err = cbx_core_writing(core)) == CBX_OK &&
        (err = cbx_store_delete(core->store, f->m.id, f->m.rev)) == CBX_OK)
        publish(core, cmd, room, "delete", &f->m);
    return err;
}

static cbx_err_t change(cbx_core_t *core, cbx_command_t *cmd,
                        cbx_err_t (*how)(cbx_core_t *, cbx_command_t *, const cbx_person_t *, struct found *,
                                         cbx_room_t *))
{
    struct found f = {0};
    cbx_person_t *person;
    cbx_room_t *room;
    cbx_err_t err;

    if ((err = cbx_core_sender(core, cmd, &person)) == CBX_OK &&
        (err = find(core, cmd, person, &f, &room)) == CBX_OK)
        err = how(core, cmd, person, &f, room);
    found_dispose(&f);
    return err;
}

cbx_err_t cbx_run_edit(cbx_core_t *core, cbx_command_t *cmd)
{
    return change(core, cmd, change_text);
}

cbx_err_t cbx_run_delete(cbx_core_t *core, cbx_command_t *cmd)
{
    return change(core, cmd, take_back);
}
