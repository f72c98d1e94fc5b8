/* core.c -- the thread that owns the truth: its mail, its timers, its beginning and end.
 *
 * Commands wait in line here; turn.c decides them. Between two turns signals and timers get theirs.
 */
#include "chat/core.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/stats.h"
#include "chat/state.h"
#include "store/readers.h"

enum {
    HOUSE_MS = 5000,      /* how often guests are touched, persons swept */
    PURGE_AGAIN_MS = 100, /* between steps where guests go: 5 % of the time at most */
    PROBE_MS = 1000,      /* how often a database that failed is tried again */
    PURGE_EVERY = 720     /* house turns (an hour) between purges of expired sessions */
};

/* -- can we write? -- */

static void on_probe(uv_timer_t *timer)
{
    cbx_core_t *core = timer->data;

    if (cbx_store_probe(core->store) == CBX_OK)
        cbx_core_set_storage_ok(core, true);
}

void cbx_core_set_storage_ok(cbx_core_t *core, bool ok)
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

cbx_err_t cbx_core_send_away(cbx_core_t *core, cbx_command_t *cmd, cbx_job_t *job)
{
    job->home = &core->mailbox;
    if (cbx_pool_submit(core->pool, job) != CBX_OK) {
        cmd->retry_after = 1;
        return cmd->err = CBX_ERR_RATE_LIMITED;
    }
    cmd->away = true;
    ++core->away;
    return CBX_OK;
}

void cbx_core_again(cbx_core_t *core, cbx_command_t *cmd)
{
    --core->away;
    cmd->away = false;
    cmd->again = true;
    wait_in_line(core, cmd);
}

/* All is committed: another process may write from here on. What still comes is who goes. */
static void resign(cbx_core_t *core)
{
    cbx_person_t *person, *tmp;

    HASH_ITER(hh, core->people.persons, person, tmp) {
        person->left = person->guest && (person->left || person->seats != NULL); /* they have to */
    }
    uv_timer_stop(&core->house);
    uv_timer_stop(&core->purge);
    cbx_readers_go_on(core->readers);
    cbx_touch_guests(core);
    uv_timer_stop(&core->probe); /* which begins when a touch cannot */
    cbx_store_let_go(core->store);
    core->resigned = true;
}

/* Letters are taken when nothing waits, so that what the mailbox may hold is the bound on all that waits.
 * Whoever posts meanwhile wakes nobody: so after a turn we look again, and signals and timers get theirs in
 * between. */
static void on_async(uv_async_t *async)
{
    cbx_core_t *core = async->data;

    if (core->waiting == NULL)
        cbx_mailbox_deliver(&core->mailbox, core);
    if (core->waiting != NULL) {
        cbx_core_turn(core);
        cbx_checkpoint_tend(core);
        uv_async_send(async);
        return;
    }
    cbx_checkpoint_tend(core);
    if (core->drained != NULL && core->away == 0) {
        void (*drained)(void *arg) = core->drained;
        core->drained = NULL;
        resign(core);
        drained(core->drained_arg);
    }
}

static void purge_sessions(cbx_core_t *core)
{
    if (cbx_core_begin(core) != CBX_OK)
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
    cbx_checkpoint_erase(core);
    cbx_core_forget_unused(core);
    cbx_people_sweep(&core->people, core->settings->rate, core->burst, cbx_clock_steady());
}

static void on_purge(uv_timer_t *timer)
{
    bool more = cbx_purge_guests(timer->data);

    uv_timer_start(timer, on_purge, more ? PURGE_AGAIN_MS : HOUSE_MS, 0);
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
    uv_timer_init(loop, &core->purge);
    uv_timer_init(loop, &core->presence);
    core->async.data = core->probe.data = core->house.data = core->purge.data = core->presence.data = core;
    uv_timer_start(&core->house, on_house, HOUSE_MS, HOUSE_MS);
    uv_timer_start(&core->purge, on_purge, HOUSE_MS, 0);
    return core;
}

static void on_closed(uv_handle_t *handle)
{
    --((cbx_core_t *)handle->data)->handles_open;
}

static void close_handles(cbx_core_t *core)
{
    core->handles_open = 5;
    uv_close((uv_handle_t *)&core->async, on_closed);
    uv_close((uv_handle_t *)&core->probe, on_closed);
    uv_close((uv_handle_t *)&core->house, on_closed);
    uv_close((uv_handle_t *)&core->purge, on_closed);
    uv_close((uv_handle_t *)&core->presence, on_closed);
    while (core->handles_open != 0)
        uv_run(core->loop, UV_RUN_NOWAIT);
}

/* the last letters are of workers that are gone */
static void free_last_letters(cbx_core_t *core)
{
    cbx_command_t *cmd;

    cbx_mailbox_deliver(&core->mailbox, core);
    while ((cmd = core->waiting) != NULL) {
        core->waiting = (cbx_command_t *)cmd->mail.next;
        cbx_command_free(cmd);
    }
}

void cbx_core_free(cbx_core_t *core)
{
    if (core == NULL)
        return;
    free_last_letters(core);
    CBX_ASSERT(core->away == 0);
    close_handles(core);
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
