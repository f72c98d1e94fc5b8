/* view.c -- how a room looks to one who is in it, which rooms there are for him, and who else is there. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "chat/state.h"

enum {
    MARKS_MAX = 64, /* everybody's reading marks up to so many members, */
    MARKS_FEW = 2   /* the two highest above */
};

/* -- how a room looks -- */

static void on_mark(void *arg, const cbx_store_member_t *member)
{
    cbx_core_t *core = arg;

    cbx_json_open_list(core->json);
    cbx_json_string(core->json, member->username, strlen(member->username));
    cbx_json_int(core->json, member->read_id);
    cbx_json_close_list(core->json);
}

/* the name of the other user of a direct room, into `user` */
static cbx_err_t find_other(cbx_core_t *core, const cbx_room_t *room, int64_t user_id, cbx_store_user_t *user)
{
    int64_t a = 0, b = 0;

    CBX_ASSERT(sscanf(room->name, "%" SCNd64 ":%" SCNd64, &a, &b) == 2);
    return cbx_store_user(core->store, a == user_id ? b : a, user);
}

static cbx_err_t put_marks(cbx_core_t *core, const cbx_room_t *room)
{
    cbx_err_t err;

    cbx_json_key(core->json, "marks");
    cbx_json_open_list(core->json);
    err = cbx_store_marks(core->store, room->id, room->members > MARKS_MAX ? MARKS_FEW : MARKS_MAX, on_mark,
                          core);
    cbx_json_close_list(core->json);
    return err;
}

cbx_room_view_t cbx_room_view(const cbx_room_t *room)
{
    return (cbx_room_view_t){.id = room->id,
                             .rev = room->rev,
                             .last_id = room->last_id,
                             .kind = room->kind,
                             .name = room->name,
                             .topic = room->topic};
}

cbx_err_t cbx_put_room(cbx_core_t *core, const cbx_room_t *room, const cbx_person_t *person,
                       const cbx_membership_t *membership)
{
    cbx_room_view_t view = cbx_room_view(room);
    cbx_store_user_t other = {0};
    cbx_err_t err = CBX_OK;

    if ((view.joined = membership != NULL)) {
        view.read_id = membership->read_id;
        err = cbx_unread_now(core, membership, person->user.id, &view.unread);
    }
    if (err == CBX_OK && room->kind == CBX_ROOM_DIRECT &&
        (err = find_other(core, room, person->user.id, &other)) == CBX_OK)
        view.name = other.user.username;
    if (err == CBX_OK) {
        cbx_put_room_open(core->json, &view);
        if (view.joined)
            err = put_marks(core, room);
        cbx_json_close(core->json);
    }
    cbx_store_user_dispose(&other);
    return err;
}

/* -- who and what is there -- */

static bool is_listed(const cbx_room_t *room, const cbx_person_t *person)
{
    return room->kind == CBX_ROOM_PUBLIC || cbx_person_in_room(person, room->id) != NULL;
}

/* before anything is written into core->json, which loading needs, too */
static cbx_err_t load_listed(cbx_core_t *core, const cbx_person_t *person)
{
    cbx_room_t *room, *tmp;
    cbx_err_t err = CBX_OK;

    HASH_ITER(hh, core->rooms, room, tmp) {
        if (err == CBX_OK && is_listed(room, person))
            err = cbx_room_know(room, core->store);
    }
    return err;
}

cbx_err_t cbx_run_rooms(cbx_core_t *core, cbx_command_t *cmd)
{
    cbx_person_t *person;
    cbx_room_t *room, *tmp;
    cbx_err_t err;

    if ((err = cbx_core_sender(core, cmd, &person)) != CBX_OK || (err = load_listed(core, person)) != CBX_OK)
        return err;
    if (cbx_count_ahead(core, cmd, person, CBX_EVERY_ROOM))
        return cmd->err;
    cbx_json_begin(core->json);
    cbx_json_open(core->json);
    cbx_json_key(core->json, "rooms");
    cbx_json_open_list(core->json);
    HASH_ITER(hh, core->rooms, room, tmp) {
        if (err == CBX_OK && is_listed(room, person))
            err = cbx_put_room(core, room, person, cbx_person_in_room(person, room->id));
    }
    cbx_json_close_list(core->json);
    cbx_json_close(core->json);
    if (err == CBX_OK)
        cbx_core_body(core, cmd);
    return err;
}

struct member_list {
    cbx_core_t *core;
    int left; /* that may be put; then there are more */
    bool more;
};

static void put_member(struct member_list *list, const char *username, const char *display_name, bool online,
                       int64_t read_id)
{
    cbx_json_t *json = list->core->json;

    if (list->left == 0) {
        list->more = true;
        return;
    }
    --list->left;
    cbx_json_open(json);
    cbx_json_put_text(json, "username", username);
    cbx_json_put_text(json, "display_name", display_name);
    cbx_json_put_bool(json, "online", online);
    cbx_json_put_int(json, "read_id", read_id);
    cbx_json_close(json);
}

static void on_member(void *arg, const cbx_store_member_t *member)
{
    struct member_list *list = arg;
    const cbx_person_t *person = cbx_people_find(&list->core->people, member->user_id);

    put_member(list, member->username, member->display_name, person != NULL && person->online,
               member->read_id);
}

static int by_name(const void *a, const void *b)
{
    return strcasecmp((*(cbx_person_t *const *)a)->user.username, (*(cbx_person_t *const *)b)->user.username);
}

/* those who are online are in memory, so the store is not asked */
static void put_online_members(struct member_list *list, int64_t room, const char *after)
{
    cbx_person_t **found = cbx_alloc(sizeof(*found) * (list->core->people.online + 1)), *person, *tmp;
    size_t n = 0;

    HASH_ITER(hh, list->core->people.persons, person, tmp) {
        if (person->online && strcasecmp(person->user.username, after) > 0 &&
            cbx_person_in_room(person, room) != NULL)
            found[n++] = person;
    }
    qsort(found, n, sizeof(*found), by_name);
    for (size_t i = 0; i != n; ++i)
        put_member(list, found[i]->user.username, found[i]->user.display_name, true,
                   cbx_person_in_room(found[i], room)->read_id);
    free(found);
}

cbx_err_t cbx_run_members(cbx_core_t *core, cbx_command_t *cmd)
{
    struct member_list list = {.core = core, .left = cmd->page.limit};
    cbx_person_t *person;
    cbx_room_t *room;
    cbx_err_t err;

    if ((err = cbx_core_sender(core, cmd, &person)) != CBX_OK ||
        (err = cbx_core_enter(core, person, cmd->req.room, &room)) != CBX_OK)
        return err;
    cbx_json_begin(core->json);
    cbx_json_open(core->json);
    cbx_json_put_int(core->json, "room", room->id);
    cbx_json_key(core->json, "members");
    cbx_json_open_list(core->json);
    if (cmd->page.online)
        put_online_members(&list, room->id, cmd->page.after);
    else
        err =
            cbx_store_members(core->store, room->id, cmd->page.after, cmd->page.limit + 1, on_member, &list);
    cbx_json_close_list(core->json);
    cbx_json_put_bool(core->json, "more", list.more);
    cbx_json_put_int(core->json, "count", room->members);
    cbx_json_close(core->json);
    if (err == CBX_OK)
        cbx_core_body(core, cmd);
    return err;
}
