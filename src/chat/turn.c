/* turn.c -- a turn of the core: up to 512 commands, one transaction, one batch.
 *
 *     (BEGIN) run each (COMMIT) -> the batch to every worker, requests' commands home
 *
 * A transaction is opened by the first command that writes. When it cannot be committed it is rolled back,
 * rooms and memberships are read again, the commands that wrote are refused and the others run once more:
 * nobody was told anything.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/stats.h"
#include "chat/state.h"

/* -- the switchboard -- */

static const struct command_kind {
    cbx_err_t (*run)(cbx_core_t *core, cbx_command_t *cmd);
    bool writes; /* is refused when the transaction fails */
    bool costs;  /* one message of the sender's allowance */
} kinds[CBX_CMD_TYPES] = {
    [CBX_CMD_HELLO] = {cbx_run_hello, false, false},
    [CBX_CMD_MESSAGE] = {cbx_run_message, true, true},
    [CBX_CMD_EDIT] = {cbx_run_edit, true, true},
    [CBX_CMD_DELETE] = {cbx_run_delete, true, true},
    [CBX_CMD_TYPING] = {cbx_run_typing, false, false},
    [CBX_CMD_READ] = {cbx_run_read, true, false},
    [CBX_CMD_GONE] = {cbx_run_gone, false, false},
    [CBX_CMD_REGISTER] = {cbx_run_register, true, false},
    [CBX_CMD_GUEST] = {cbx_run_guest, true, false},
    [CBX_CMD_LOGIN] = {cbx_run_login, true, false},
    [CBX_CMD_LOGOUT] = {cbx_run_logout, true, false},
    [CBX_CMD_PROFILE] = {cbx_run_profile, true, true},
    [CBX_CMD_ROOMS] = {cbx_run_rooms, false, true},
    [CBX_CMD_CREATE] = {cbx_run_create, true, true},
    [CBX_CMD_EDIT_ROOM] = {cbx_run_edit_room, true, true},
    [CBX_CMD_DIRECT] = {cbx_run_direct, true, true},
    [CBX_CMD_JOIN] = {cbx_run_join, true, true},
    [CBX_CMD_LEAVE] = {cbx_run_leave, true, true},
    [CBX_CMD_MEMBERS] = {cbx_run_members, false, true},
};

bool cbx_command_costs(cbx_command_type_t type)
{
    return kinds[type].costs;
}

/* an error of a connection's command becomes a frame; a request's command carries it home */
static void tell_error(cbx_core_t *core, cbx_command_t *cmd)
{
    if (cmd->err == CBX_OK || cmd->home != NULL || cmd->type == CBX_CMD_GONE)
        return;
    if (cmd->type == CBX_CMD_HELLO && cmd->err == CBX_ERR_UNAUTHORIZED)
        return; /* its connection is closed with 4003 */
    CBX_COUNT(errors_out, 1);
    if (cmd->err == CBX_ERR_OVERLOADED)
        cmd->retry_after = 1; /* by then those who take the room are cut */
    cbx_json_begin(core->json);
    cbx_put_error(core->json, cmd->err, cmd->req.cid.bytes, NULL, cmd->retry_after);
    cbx_batch_add(core->batch,
                  (cbx_row_t){.kind = cmd->type == CBX_CMD_HELLO ? CBX_ROW_REFUSE : CBX_ROW_SESSION,
                              .session = cmd->session,
                              .frame = cbx_core_frame(core)});
}

bool cbx_run(cbx_core_t *core, cbx_command_t *cmd)
{
    if (cmd->err == CBX_OK) /* else a reader could not serve it */
        cmd->err = kinds[cmd->type].run(core, cmd);
    if (cmd->away)
        return false;
    if (cmd->err == CBX_ERR_STORAGE_UNAVAILABLE && kinds[cmd->type].writes && core->begun)
        core->failed =
            true; /* SQLite may have rolled everything back by itself: nothing of this batch may stand */
    tell_error(core, cmd);
    return true;
}

/* -- a batch -- */

/* writes the new rev of each room that changed, and starts afresh; with CBX_OK as `err` only */
static cbx_err_t write_revs(cbx_core_t *core, cbx_err_t err)
{
    for (cbx_room_t *room; (room = core->changed) != NULL;) {
        core->changed = room->next_changed;
        room->changed = false;
        if (err == CBX_OK)
            err = cbx_store_set_rev(core->store, room->id, room->rev);
    }
    return err;
}

static cbx_err_t commit(cbx_core_t *core)
{
    cbx_err_t err = core->failed ? CBX_ERR_STORAGE_UNAVAILABLE : CBX_OK;

    if (!core->begun)
        return CBX_OK;
    core->begun = core->failed = false;
    if ((err = write_revs(core, err)) != CBX_OK || (err = cbx_store_commit(core->store)) != CBX_OK) {
        cbx_store_rollback(core->store);
        CBX_COUNT(commits_failed, 1);
        return err;
    }
    for (; core->fresh != NULL; core->fresh = core->fresh->next_fresh)
        core->fresh->fresh = false;
    CBX_COUNT(commits, 1);
    cbx_core_set_storage_ok(core, true);
    return CBX_OK;
}

/* memory goes back to what the store says, lazily: rooms and memberships are read again before the next use
 */
static void forget_all(cbx_core_t *core)
{
    cbx_person_t *person, *next_person;
    cbx_room_t *room, *tmp;

    core->fresh = NULL;
    HASH_ITER(hh, core->rooms, room, tmp) {
        cbx_core_forget(core, room);
        if (room->fresh) {
            HASH_DEL(core->rooms, room); /* NOLINT(clang-analyzer-core.NullDereference): there is a table */
            cbx_room_free(room);
        }
    }
    HASH_ITER(hh, core->people.persons, person, next_person) {
        person->stale = true;
        person->released = false;
    }
    for (size_t i = 0; i != core->batch->len; ++i) {
        cbx_seat_t *seat = core->batch->rows[i].kind == CBX_ROW_CLOSE
                               ? cbx_seats_find(&core->people.seats, core->batch->rows[i].session)
                               : NULL;
        if (seat != NULL)
            seat->closing = false;
    }
}

/* did the session go later in the batch? Its place may be another's by now: it must not sit down again. */
static bool goes(cbx_command_t *const *later, size_t len, uint64_t session)
{
    for (size_t i = 0; i != len; ++i)
        if (later[i]->type == CBX_CMD_GONE && later[i]->session == session)
            return true;
    return false;
}

/* a reader could not serve it, or not all of it: once more would not help, or not tell all */
static bool is_final(cbx_err_t err)
{
    return err == CBX_ERR_STORAGE_UNAVAILABLE || err == CBX_ERR_OVERLOADED;
}

/* nothing of the batch happened: refuse those who wrote, and let the others run again */
static void undo(cbx_core_t *core, cbx_command_t **cmds, size_t len)
{
    cbx_core_set_storage_ok(core, false);
    forget_all(core);
    cbx_batch_unref(core->batch);
    core->batch = cbx_batch_new();
    for (size_t i = 0; i != len; ++i) {
        cmds[i]->body.len = 0;
        if (cmds[i]->type == CBX_CMD_HELLO && goes(cmds + i, len - i, cmds[i]->session))
            continue;
        if (!kinds[cmds[i]->type].writes && !is_final(cmds[i]->err)) {
            cmds[i]->err = CBX_OK;
            if (!cbx_run(core, cmds[i]))
                cmds[i] = NULL;
            continue;
        }
        if (cmds[i]->err == CBX_OK)
            cmds[i]->err = CBX_ERR_STORAGE_UNAVAILABLE;
        tell_error(core, cmds[i]);
    }
}

static void on_command_home(cbx_mail_t *mail, void *reader)
{
    cbx_command_t *cmd = (cbx_command_t *)mail;

    cmd->done(cmd, reader);
}

struct letter {
    cbx_mail_t mail;
    cbx_batch_t *batch;
    struct cbx_outlet outlet; /* a copy: the last letters are opened when the core is gone */
};

static void on_batch(cbx_mail_t *mail, void *reader)
{
    struct letter *letter = (struct letter *)mail;

    (void)reader;
    letter->outlet.deliver(letter->batch, letter->outlet.arg);
    free(letter);
}

static void post_batch(cbx_core_t *core)
{
    for (unsigned i = 0; core->batch->len != 0 && i != core->outlets_len; ++i) {
        struct letter *letter = cbx_alloc(sizeof(*letter));
        letter->mail.deliver = on_batch;
        letter->batch = cbx_batch_ref(core->batch);
        letter->outlet = core->outlets[i];
        CBX_FAULT("before-mail");
        cbx_mailbox_post(core->outlets[i].box, &letter->mail);
    }
    cbx_batch_unref(core->batch);
    core->batch = NULL;
}

void cbx_core_announce(cbx_core_t *core)
{
    core->batch = cbx_batch_new();
    cbx_core_tell(core, CBX_ROW_NEWS, CBX_EVERYBODY);
    post_batch(core);
}

static void post_home(cbx_command_t **cmds, size_t len)
{
    for (size_t i = 0; i != len; ++i) {
        if (cmds[i] == NULL || cmds[i]->home == NULL) {
            cbx_command_free(cmds[i]);
            continue;
        }
        cmds[i]->mail.deliver = on_command_home;
        CBX_FAULT("before-ack");
        cbx_mailbox_post(cmds[i]->home, &cmds[i]->mail);
    }
}

/* runs up to CBX_CORE_BATCH of the commands that wait */
void cbx_core_turn(cbx_core_t *core)
{
    cbx_command_t *cmds[CBX_CORE_BATCH], *cmd;
    size_t len = 0;

    core->batch = cbx_batch_new();
    core->now = cbx_clock_wall();
    for (size_t n = 0; (cmd = core->waiting) != NULL && n != CBX_CORE_BATCH; ++n) {
        core->waiting = (cbx_command_t *)cmd->mail.next;
        if (cbx_run(core, cmd))
            cmds[len++] = cmd;
        CBX_COUNT(commands, 1);
    }
    if (commit(core) != CBX_OK)
        undo(core, cmds, len);
    post_batch(core);
    post_home(cmds, len);
    cbx_core_forget_unused(core);
}
