/* hello.c -- coming, coming back, and going.
 *
 *     hello -> (reader: counts what is unread -> again) -> (reader: what memory does not have -> again)
 *           -> welcome, a history for each room, subscribed
 *
 * The answer and the live events leave through the same mailbox, so there is no gap between the snapshot and
 * what follows, and no lock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"
#include "chat/state.h"
#include "wire/token.h"

/* -- from where does each room go on? -- */

/* the rev that the client has of a room, or -1: it has none that counts */
static int64_t since_of(const cbx_core_t *core, const cbx_command_t *cmd, int64_t room)
{
    const cbx_str_t *epoch = &cmd->req.epoch;

    if (epoch->bytes == NULL || strcmp(epoch->bytes, cbx_store_epoch(core->store)) != 0)
        return -1;
    for (size_t i = 0; i != cmd->req.since.len; ++i)
        if (cmd->req.since.list[i].key == room)
            return cmd->req.since.list[i].value;
    return -1;
}

static bool names_room(const cbx_command_t *cmd, int64_t room)
{
    for (size_t i = 0; i != cmd->req.since.len; ++i)
        if (cmd->req.since.list[i].key == room)
            return true;
    return false;
}

static cbx_fetched_t *fetched_of(const cbx_command_t *cmd, int64_t room)
{
    for (size_t i = 0; i != cmd->fetched_len; ++i)
        if (cmd->fetched[i].room == room)
            return &cmd->fetched[i];
    return NULL;
}

/* -- what memory does not have, a reader fetches -- */

/* how often for one hello: a room that changes faster than it can be read is reset in the end */
enum { FETCHES_MAX = 5 };

struct fetch_job {
    cbx_job_t job;
    cbx_core_t *core;
    cbx_command_t *cmd;
};

static void fetch_run(cbx_job_t *job)
{
    struct fetch_job *f = (struct fetch_job *)job;
    cbx_store_t *reader = cbx_readers_borrow(f->core->readers);
    cbx_err_t err = reader == NULL ? CBX_ERR_STORAGE_UNAVAILABLE : CBX_OK;

    for (size_t i = 0; i != f->cmd->fetched_len && err == CBX_OK; ++i)
        err = cbx_fetch_changes(reader, &f->cmd->fetched[i]);
    if (err != CBX_OK)
        f->cmd->err = err == CBX_ERR_OVERLOADED ? err : CBX_ERR_STORAGE_UNAVAILABLE;
    cbx_readers_return(f->core->readers, reader);
}

static void fetch_done(cbx_mail_t *mail, void *arg)
{
    struct fetch_job *f = (struct fetch_job *)mail;

    (void)arg;
    cbx_core_again(f->core, f->cmd);
    free(f);
}

/* Must a reader go for this room? While he was away more may have changed than memory keeps: then he goes
 * once more, for that, which takes less long. */
static bool needs_reader(const cbx_core_t *core, cbx_command_t *cmd, const cbx_room_t *room)
{
    cbx_fetched_t *fetched = fetched_of(cmd, room->id);
    int64_t since = since_of(core, cmd, room->id);

    if (since == -1 || since >= room->rev || (fetched != NULL && fetched->reset) ||
        cbx_room_remembers(room, fetched != NULL ? fetched->upto : since))
        return false;
    if (fetched == NULL) {
        cmd->fetched = cbx_realloc(cmd->fetched, sizeof(*cmd->fetched) * (cmd->fetched_len + 1));
        cmd->fetched[cmd->fetched_len++] = (cbx_fetched_t){.room = room->id, .upto = since};
    }
    return true;
}

/* gives the command to a reader, if a room needs one; true: it is away, or cmd->err says why not */
static bool fetch(cbx_core_t *core, cbx_command_t *cmd, const cbx_person_t *person)
{
    struct fetch_job *f;
    bool needed = false;

    for (size_t i = 0; cmd->fetches != FETCHES_MAX && i != person->rooms_len; ++i)
        needed = needs_reader(core, cmd, cbx_core_room(core, person->rooms[i].room)) || needed;
    if (!needed)
        return false;
    ++cmd->fetches;
    f = cbx_zalloc(sizeof(*f));
    f->job.run = fetch_run;
    f->job.mail.deliver = fetch_done;
    f->core = core;
    f->cmd = cmd;
    if (cbx_core_send_away(core, cmd, &f->job) != CBX_OK)
        free(f);
    return true;
}

/* -- the answer -- */

static void put_online(cbx_core_t *core)
{
    cbx_json_key(core->json, "online");
    cbx_json_open_list(core->json);
    if (core->people.online <= CBX_ONLINE_NAMES_MAX)
        cbx_put_online_names(core);
    cbx_json_close_list(core->json);
    cbx_json_put_int(core->json, "online_count", (int64_t)core->people.online);
}

static void put_limits(cbx_core_t *core)
{
    char rate[32];

    cbx_json_key(core->json, "limits");
    cbx_json_open(core->json);
    cbx_json_put_int(core->json, "text_bytes", (int64_t)core->settings->message_limit);
    cbx_json_key(core->json, "messages_per_second");
    cbx_json_raw(core->json, rate, (size_t)snprintf(rate, sizeof(rate), "%g", core->settings->rate));
    cbx_json_close(core->json);
}

static cbx_err_t welcome(cbx_core_t *core, const cbx_seat_t *seat)
{
    const cbx_person_t *person = seat->person;
    cbx_user_t user = cbx_person_user(person);
    cbx_err_t err = CBX_OK;

    cbx_json_begin(core->json);
    cbx_json_open(core->json);
    cbx_json_put_text(core->json, "type", "welcome");
    cbx_json_put_int(core->json, "v", 1);
    cbx_json_put_text(core->json, "epoch", cbx_store_epoch(core->store));
    cbx_json_key(core->json, "user");
    cbx_put_user(core->json, &user);
    cbx_json_key(core->json, "rooms");
    cbx_json_open_list(core->json);
    for (size_t i = 0; i != person->rooms_len && err == CBX_OK; ++i)
        err = cbx_put_room(core, cbx_core_room(core, person->rooms[i].room), person, &person->rooms[i]);
    cbx_json_close_list(core->json);
    put_online(core);
    put_limits(core);
    cbx_json_put_int(core->json, "now", core->now);
    cbx_json_close(core->json);
    if (err != CBX_OK)
        return err;
    cbx_core_tell_seat(core, CBX_ROW_WELCOME, seat, 0);
    return CBX_OK;
}

/* From which rev memory tells, behind what was `fetched`; -1: neither that nor what the client has counts. */
static int64_t told_from(const cbx_core_t *core, const cbx_command_t *cmd, const cbx_room_t *room,
                         const cbx_fetched_t **fetched)
{
    int64_t since = since_of(core, cmd, room->id), from = since;

    if ((*fetched = fetched_of(cmd, room->id)) != NULL)
        from = (*fetched)->upto;
    if (since > room->rev || (since != -1 && !cbx_room_remembers(room, from)) ||
        (*fetched != NULL && (*fetched)->reset))
        from = -1;
    return from;
}

static void history(cbx_core_t *core, const cbx_command_t *cmd, const cbx_seat_t *seat, cbx_room_t *room)
{
    const cbx_fetched_t *fetched;
    int64_t from = told_from(core, cmd, room, &fetched);

    cbx_json_begin(core->json);
    cbx_room_put_history(room, core->json, from, from == -1 ? NULL : fetched,
                         from == -1 && names_room(cmd, room->id));
    cbx_core_tell_seat(core, CBX_ROW_JOIN, seat, room->id);
    core->batch->rows[core->batch->len - 1].asked = true;
}

void cbx_seat_hears(cbx_core_t *core, const cbx_seat_t *seat, cbx_room_t *room, cbx_frame_t **history)
{
    if (*history == NULL) {
        cbx_json_begin(core->json);
        cbx_room_put_history(room, core->json, -1, NULL, true);
        *history = cbx_core_frame(core);
    }
    cbx_batch_add(core->batch, (cbx_row_t){.kind = CBX_ROW_JOIN,
                                           .session = seat->session,
                                           .room = room->id,
                                           .frame = cbx_frame_ref(*history)});
}

/* Histories are for who asks, and do not count against what may wait for him (live/outbound.h): so there must
 * be room for them. */
static bool has_room(const cbx_core_t *core, const cbx_command_t *cmd, const cbx_person_t *person)
{
    size_t own = 0, bytes = 0;

    for (size_t i = 0; i != person->rooms_len; ++i) {
        const cbx_room_t *room = cbx_core_room(core, person->rooms[i].room);
        const cbx_fetched_t *fetched;
        int64_t from = told_from(core, cmd, room, &fetched);
        size_t fetched_bytes = fetched != NULL ? cbx_fetched_bytes(fetched) : 0;
        own += fetched_bytes;
        bytes += cbx_room_history_bytes(room, from) + (from != -1 ? fetched_bytes : 0);
    }
    return cbx_memory_has_room(own, bytes);
}

/* of rooms where nothing has happened since, no message is needed */
static cbx_err_t load_rooms(cbx_core_t *core, const cbx_command_t *cmd, const cbx_person_t *person)
{
    cbx_err_t err = CBX_OK;

    for (size_t i = 0; i != person->rooms_len && err == CBX_OK; ++i) {
        cbx_room_t *room = cbx_core_room(core, person->rooms[i].room);
        if (room == NULL)
            err = CBX_ERR_NOT_FOUND;
        else if ((err = cbx_room_know(room, core->store)) == CBX_OK &&
                 since_of(core, cmd, room->id) != room->rev)
            err = cbx_core_load(core, room);
    }
    return err;
}

static cbx_err_t answer(cbx_core_t *core, const cbx_command_t *cmd, cbx_seat_t *seat)
{
    cbx_err_t err;

    if ((err = welcome(core, seat)) != CBX_OK)
        return err;
    for (size_t i = 0; i != seat->person->rooms_len; ++i)
        history(core, cmd, seat, cbx_core_room(core, seat->person->rooms[i].room));
    seat->welcomed = true;
    return CBX_OK;
}

/* The session's seat, or a new one when its token is good; a session never changes its user. Who says hello
 * again without a token keeps the one he has. */
static cbx_err_t sit(cbx_core_t *core, cbx_command_t *cmd, cbx_seat_t **seat)
{
    cbx_person_t *person;
    int64_t user_id;
    cbx_err_t err;

    *seat = cbx_seats_find(&core->people.seats, cmd->session);
    if (*seat != NULL && cmd->jti[0] == '\0') {
        cbx_token_unpack_id(cmd->jti, (*seat)->jti);
        cmd->user_id = (*seat)->person->user.id;
    }
    if ((err = cbx_store_session(core->store, cmd->jti, &user_id)) != CBX_OK)
        return err == CBX_ERR_NOT_FOUND ? CBX_ERR_UNAUTHORIZED : err;
    if (user_id != cmd->user_id)
        return CBX_ERR_UNAUTHORIZED;
    if (*seat != NULL && ((*seat)->closing || (*seat)->person->user.id != user_id))
        return CBX_ERR_UNAUTHORIZED;
    if ((err = cbx_people_load(&core->people, core->store, user_id, core->burst, &person)) != CBX_OK)
        return err == CBX_ERR_NOT_FOUND ? CBX_ERR_UNAUTHORIZED : err;
    if (*seat != NULL) {
        cbx_token_pack_id((*seat)->jti, cmd->jti); /* the newest token's end is the connection's */
        return CBX_OK;
    }
    *seat = cbx_people_sit(&core->people, person, cmd->session, cmd->jti);
    cbx_presence_changed(core);
    return CBX_OK;
}

/* Who says it again is told all of it again, which costs more than a message does: so it is one. */
static cbx_err_t charge(const cbx_core_t *core, cbx_command_t *cmd, const cbx_seat_t *seat)
{
    if (!seat->welcomed || cmd->again)
        return CBX_OK;
    cmd->retry_after = cbx_person_spend(seat->person, core->settings->rate, core->burst, cbx_clock_steady());
    return cmd->retry_after > 0 ? CBX_ERR_RATE_LIMITED : CBX_OK;
}

static cbx_err_t welcome_in(cbx_core_t *core, cbx_command_t *cmd)
{
    cbx_seat_t *seat;
    cbx_err_t err;

    if ((err = sit(core, cmd, &seat)) != CBX_OK || (err = charge(core, cmd, seat)) != CBX_OK ||
        (err = load_rooms(core, cmd, seat->person)) != CBX_OK)
        return err;
    if (cbx_count_ahead(core, cmd, seat->person, CBX_EVERY_ROOM) || fetch(core, cmd, seat->person))
        return cmd->err;
    if (!has_room(core, cmd, seat->person))
        return CBX_ERR_OVERLOADED;
    return answer(core, cmd, seat);
}

cbx_err_t cbx_run_hello(cbx_core_t *core, cbx_command_t *cmd)
{
    cbx_err_t err;

    if (cmd->again && cbx_seats_find(&core->people.seats, cmd->session) == NULL)
        return CBX_OK; /* gone while the reader was reading */
    if ((err = welcome_in(core, cmd)) == CBX_ERR_UNAUTHORIZED)
        cbx_batch_add(core->batch,
                      (cbx_row_t){.kind = CBX_ROW_CLOSE, .session = cmd->session, .code = CBX_BAD_TOKEN});
    return err;
}

cbx_err_t cbx_run_gone(cbx_core_t *core, cbx_command_t *cmd)
{
    cbx_person_t *person = cbx_people_stand(&core->people, cmd->session, cbx_clock_steady());

    if (person == NULL)
        return CBX_OK;
    for (size_t i = 0; i != person->rooms_len; ++i)
        cbx_stop_typing(core, person, &person->rooms[i], true);
    person->left = person->guest; /* when he was last here is written with the next touch */
    cbx_presence_changed(core);
    return CBX_OK;
}
