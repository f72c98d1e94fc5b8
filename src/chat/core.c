/* core.c -- the thread that owns the truth: takes what waits, decides it in one transaction, tells it in one
 * batch.
 *
 *     mail -> up to 512 commands -> (BEGIN) run each (COMMIT) -> one batch to every worker, requests'
 * commands home
 *
 * A transaction is opened by the first command that writes. When it cannot be committed it is rolled back,
 * the rooms are read again, the commands that wrote are refused and the others run once more: nobody was told
 * anything.
 */
#include "chat/core.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "chat/state.h"

enum {
    HOUSE_MS = 5000,   /* how often guests are touched, persons swept */
    PROBE_MS = 1000,   /* how often a database that failed is tried again */
    PURGE_EVERY = 720, /* house turns (an hour) between purges of expired sessions */
    CHECKPOINT_PAGES =
        1000 /* log pages (4 MB) that are worth a checkpoint when nobody waits: SQLite's own default */
};

static void set_storage_ok(cbx_core_t *core, bool ok);

/* -- what every command needs -- */

cbx_err_t cbx_core_writing(cbx_core_t *core)
{
    cbx_err_t err;

    if (core->begun)
        return core->failed ? CBX_ERR_STORAGE_UNAVAILABLE : CBX_OK;
    if ((err = cbx_store_begin(core->store)) == CBX_OK)
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

cbx_err_t cbx_core_sender(cbx_core_t *core, const cbx_command_t *cmd, cbx_person_t **person)
{
    const cbx_seat_t *seat;

    if (cmd->home != NULL)
        return sender_by_token(core, cmd, person);
    seat = cbx_people_seat(&core->people, cmd->session);
    if (seat == NULL || seat->closing)
        return CBX_ERR_UNAUTHORIZED;
    *person = seat->person;
    return CBX_OK;
}

cbx_err_t cbx_core_enter(cbx_core_t *core, const cbx_person_t *person, int64_t room_id, cbx_room_t **room)
{
    if ((*room = cbx_core_room(core, room_id)) == NULL || !cbx_person_in_room(person, room_id))
        return CBX_ERR_NOT_FOUND;
    return cbx_room_load(*room, core->store, core->json);
}

cbx_frame_t *cbx_core_frame(cbx_core_t *core)
{
    size_t len;
    const char *bytes = cbx_json_bytes(core->json, &len);

    return cbx_frame_text(bytes, len);
}

void cbx_core_changed(cbx_core_t *core, cbx_room_t *room)
{
    if (room->changed)
        return;
    room->changed = true;
    room->next_changed = core->changed;
    core->changed = room;
}

/* -- can we write? -- */

static void on_probe(uv_timer_t *timer)
{
    cbx_core_t *core = timer->data;

    if (cbx_store_probe(core->store) == CBX_OK)
        set_storage_ok(core, true);
}

static void set_storage_ok(cbx_core_t *core, bool ok)
{
    if (atomic_exchange(&core->storage_ok, ok) == ok)
        return;
    cbx_log(ok ? CBX_LOG_INFO : CBX_LOG_ERROR, ok ? "storage-back" : "storage-failed", NULL);
    CBX_GAUGE(storage_ok, ok);
    if (ok)
        uv_timer_stop(&core->probe);
    else
        uv_timer_start(&core->probe, on_probe, PROBE_MS, PROBE_MS);
}

/* -- the switchboard -- */

static const struct command_kind {
    cbx_err_t (*run)(cbx_core_t *core, cbx_command_t *cmd);
    bool writes; /* is refused when the transaction fails */
} kinds[CBX_CMD_TYPES] = {
    /* HELLO may be given away, so cbx_run calls it by name */
    [CBX_CMD_HELLO] = {NULL, false},           [CBX_CMD_MESSAGE] = {cbx_run_message, true},
    [CBX_CMD_EDIT] = {cbx_run_edit, true},     [CBX_CMD_DELETE] = {cbx_run_delete, true},
    [CBX_CMD_GONE] = {cbx_run_gone, false},    [CBX_CMD_REGISTER] = {cbx_run_register, true},
    [CBX_CMD_GUEST] = {cbx_run_guest, true},   [CBX_CMD_LOGIN] = {cbx_run_login, true},
    [CBX_CMD_LOGOUT] = {cbx_run_logout, true},
};

/* an error of a connection's command becomes a frame; a request's command carries it home */
static void tell_error(cbx_core_t *core, const cbx_command_t *cmd)
{
    if (cmd->err == CBX_OK || cmd->home != NULL || cmd->type == CBX_CMD_GONE)
        return;
    if (cmd->type == CBX_CMD_HELLO && cmd->err == CBX_ERR_UNAUTHORIZED)
        return; /* its connection is closed with 4003 */
    CBX_COUNT(errors_out, 1);
    cbx_json_begin(core->json);
    cbx_put_error(core->json, cmd->err, cmd->req.cid.bytes, NULL, cmd->retry_after);
    cbx_batch_add(core->batch, (cbx_row_t){.kind = CBX_ROW_SESSION,
                                           .outlet = cmd->outlet,
                                           .session = cmd->session,
                                           .frame = cbx_core_frame(core)});
}

bool cbx_run(cbx_core_t *core, cbx_command_t *cmd)
{
    if (cmd->type == CBX_CMD_HELLO) {
        if (!cbx_run_hello(core, cmd))
            return false;
    } else {
        cmd->err = kinds[cmd->type].run(core, cmd);
    }
    if (cmd->err == CBX_ERR_STORAGE_UNAVAILABLE) {
        core->failed = core->begun; /* SQLite may have rolled everything back by itself: nothing of this batch
                                       may stand */
        set_storage_ok(core, false);
    }
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
    CBX_COUNT(commits, 1);
    set_storage_ok(core, true);
    return CBX_OK;
}

/* nothing of the batch happened: back to what the store says, and refuse those who wrote */
static void undo(cbx_core_t *core, cbx_command_t **cmds, size_t len)
{
    cbx_room_t *room, *tmp;

    set_storage_ok(core, false);
    HASH_ITER(hh, core->rooms, room, tmp) {
        cbx_room_forget(room);
    }
    for (cbx_seat_t *seat = core->people.seats; seat != NULL; seat = seat->hh.next)
        seat->closing = false;
    cbx_batch_unref(core->batch);
    core->batch = cbx_batch_new();
    for (size_t i = 0; i != len; ++i) {
        if (!kinds[cmds[i]->type].writes && cmds[i]->err != CBX_ERR_STORAGE_UNAVAILABLE) {
            cmds[i]->err = CBX_OK;
            if (!cbx_run(core, cmds[i]))
                cmds[i] = NULL;
            continue;
        }
        if (cmds[i]->err == CBX_OK)
            cmds[i]->err = CBX_ERR_STORAGE_UNAVAILABLE;
        cmds[i]->body.len = 0;
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
    struct cbx_outlet *outlet;
};

static void on_batch(cbx_mail_t *mail, void *reader)
{
    struct letter *letter = (struct letter *)mail;

    (void)reader;
    letter->outlet->deliver(letter->batch, letter->outlet->arg);
    free(letter);
}

static void post_batch(cbx_core_t *core)
{
    for (unsigned i = 0; core->batch->len != 0 && i != core->outlets_len; ++i) {
        struct letter *letter = cbx_alloc(sizeof(*letter));
        letter->mail.deliver = on_batch;
        letter->batch = cbx_batch_ref(core->batch);
        letter->outlet = &core->outlets[i];
        cbx_mailbox_post(core->outlets[i].box, &letter->mail);
    }
    cbx_batch_unref(core->batch);
    core->batch = NULL;
}

static void post_home(cbx_command_t **cmds, size_t len)
{
    for (size_t i = 0; i != len; ++i) {
        if (cmds[i] == NULL || cmds[i]->home == NULL) {
            cbx_command_free(cmds[i]);
            continue;
        }
        cmds[i]->mail.deliver = on_command_home;
        cbx_mailbox_post(cmds[i]->home, &cmds[i]->mail);
    }
}

/* runs up to CBX_CORE_BATCH of the commands that wait */
static void run_batch(cbx_core_t *core)
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
}

/* -- mail and time -- */

static void wait_in_line(cbx_core_t *core, cbx_command_t *cmd)
{
    cmd->mail.next = NULL;
    if (core->waiting == NULL)
        core->waiting = cmd;
    else
        core->waiting_last->mail.next = &cmd->mail;
    core->waiting_last = cmd;
}

static void on_command(cbx_mail_t *mail, void *reader)
{
    wait_in_line(reader, (cbx_command_t *)mail);
}

void cbx_core_again(cbx_core_t *core, cbx_command_t *cmd)
{
    --core->fetching;
    wait_in_line(core, cmd);
}

static void on_async(uv_async_t *async)
{
    cbx_core_t *core = async->data;

    cbx_mailbox_deliver(&core->mailbox, core);
    if (core->waiting != NULL)
        run_batch(core);
    if (core->waiting != NULL) {
        uv_async_send(async); /* signals and timers get a turn between two batches */
        return;
    }
    cbx_store_checkpoint(core->store, CHECKPOINT_PAGES);
    if (core->drained != NULL && core->fetching == 0) {
        void (*drained)(void *arg) = core->drained;
        core->drained = NULL;
        drained(core->drained_arg);
    }
}

static void purge_sessions(cbx_core_t *core)
{
    if (cbx_store_begin(core->store) != CBX_OK)
        return;
    if (cbx_store_purge_sessions(core->store, cbx_clock_wall() / 1000) != CBX_OK ||
        cbx_store_commit(core->store) != CBX_OK)
        cbx_store_rollback(core->store);
}

static void on_house(uv_timer_t *timer)
{
    cbx_core_t *core = timer->data;

    if (core->house_turns++ % PURGE_EVERY == 0)
        purge_sessions(core);
    cbx_touch_guests(core);
    cbx_failures_sweep(core);
    cbx_people_sweep(&core->people, core->settings->rate, core->burst, cbx_clock_steady());
}

/* -- life -- */

static void on_room(void *arg, const cbx_store_room_t *row)
{
    cbx_core_t *core = arg;
    cbx_room_t *room = cbx_room_new(row);

    HASH_ADD(hh, core->rooms, id, sizeof(room->id), room);
}

static void wake(void *arg)
{
    uv_async_send(arg);
}

static void dispose(cbx_core_t *core)
{
    cbx_room_t *room, *tmp;

    HASH_ITER(hh, core->rooms, room, tmp) {
        HASH_DEL(core->rooms, room);
        cbx_room_free(room);
    }
    cbx_people_dispose(&core->people);
    cbx_failures_dispose(core);
    cbx_json_free(core->json);
    free(core->outlets);
    cbx_mailbox_dispose(&core->mailbox);
    free(core);
}

cbx_core_t *cbx_core_create(uv_loop_t *loop, const cbx_settings_t *settings, cbx_store_t *store,
                            cbx_pool_t *pool, cbx_readers_t *readers)
{
    cbx_core_t *core = cbx_zalloc(sizeof(*core));

    core->loop = loop;
    core->settings = settings;
    core->store = store;
    core->pool = pool;
    core->readers = readers;
    core->json = cbx_json_create();
    core->burst = settings->rate * 2 < 1 ? 1 : settings->rate * 2;
    atomic_init(&core->storage_ok, true);
    CBX_GAUGE(storage_ok, 1);
    cbx_mailbox_init(&core->mailbox, wake, &core->async);
    if (cbx_store_rooms(store, on_room, core) != CBX_OK || cbx_core_room(core, CBX_GENERAL) == NULL ||
        uv_async_init(loop, &core->async, on_async) != 0) {
        dispose(core);
        return NULL;
    }
    uv_timer_init(loop, &core->probe);
    uv_timer_init(loop, &core->house);
    core->async.data = core->probe.data = core->house.data = core;
    uv_timer_start(&core->house, on_house, HOUSE_MS, HOUSE_MS);
    return core;
}

static void on_closed(uv_handle_t *handle)
{
    --((cbx_core_t *)handle->data)->handles_open;
}

static void close_handles(cbx_core_t *core)
{
    core->handles_open = 3;
    uv_close((uv_handle_t *)&core->async, on_closed);
    uv_close((uv_handle_t *)&core->probe, on_closed);
    uv_close((uv_handle_t *)&core->house, on_closed);
    while (core->handles_open != 0)
        uv_run(core->loop, UV_RUN_NOWAIT);
}

/* the last letters are of workers that are gone: only who left matters, for the guests' names */
static void run_last_letters(cbx_core_t *core)
{
    cbx_command_t *cmd;

    cbx_mailbox_deliver(&core->mailbox, core);
    while ((cmd = core->waiting) != NULL) {
        core->waiting = (cbx_command_t *)cmd->mail.next;
        if (cmd->type == CBX_CMD_GONE)
            cbx_run_gone(core, cmd);
        cbx_command_free(cmd);
    }
    cbx_touch_guests(core);
}

void cbx_core_free(cbx_core_t *core)
{
    if (core == NULL)
        return;
    CBX_ASSERT(core->fetching == 0);
    run_last_letters(core);
    close_handles(core);
    cbx_store_checkpoint(core->store, 0);
    dispose(core);
}

unsigned cbx_core_add_outlet(cbx_core_t *core, cbx_mailbox_t *box,
                             void (*deliver)(cbx_batch_t *batch, void *arg), void *arg)
{
    core->outlets = cbx_realloc(core->outlets, sizeof(*core->outlets) * (core->outlets_len + 1));
    core->outlets[core->outlets_len] = (struct cbx_outlet){box, deliver, arg};
    return core->outlets_len++;
}

/* -- the doors -- */

cbx_err_t cbx_core_submit(cbx_core_t *core, cbx_command_t *cmd)
{
    cmd->mail.deliver = on_command;
    if (cmd->type == CBX_CMD_GONE) {
        cbx_mailbox_post(&core->mailbox, &cmd->mail);
        return CBX_OK;
    }
    if (cbx_core_draining(core)) {
        cbx_command_free(cmd);
        return CBX_ERR_DRAINING;
    }
    if (cbx_mailbox_try_post(&core->mailbox, &cmd->mail, CBX_CORE_QUEUE))
        return CBX_OK;
    CBX_COUNT(commands_refused, 1);
    cbx_command_free(cmd);
    return CBX_ERR_RATE_LIMITED;
}

void cbx_core_drain(cbx_core_t *core, void (*drained)(void *arg), void *arg)
{
    atomic_store(&core->draining, true);
    CBX_GAUGE(draining, 1);
    core->drained = drained;
    core->drained_arg = arg;
    uv_async_send(&core->async);
}

bool cbx_core_storage_ok(const cbx_core_t *core)
{
    return atomic_load_explicit(&core->storage_ok, memory_order_relaxed);
}

bool cbx_core_draining(const cbx_core_t *core)
{
    return atomic_load_explicit(&core->draining, memory_order_relaxed);
}
