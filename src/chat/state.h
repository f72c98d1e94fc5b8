/* state.h -- the inside of the core, for the files of this folder that run commands. Core thread only, but
 * for the atomics.
 *
 * A command is run inside a batch: it may change rooms and the store and add rows to `batch`, and nobody is
 * told before the commit. If that fails the store is rolled back, the rooms are read again, the rows are
 * thrown away, and every command that wrote is refused.
 */
#ifndef cbx_chat_state_h
#define cbx_chat_state_h

#include <stdatomic.h>

#include "chat/core.h"
#include "chat/person.h"
#include "chat/room.h"

typedef struct cbx_failures cbx_failures_t; /* account.c: wrong passwords, by name */

struct cbx_core {
    uv_loop_t *loop;
    uv_async_t async;
    uv_timer_t probe, house;
    const cbx_settings_t *settings;
    cbx_store_t *store;
    cbx_pool_t *pool;
    cbx_readers_t *readers;
    cbx_mailbox_t mailbox;
    cbx_command_t *waiting, *waiting_last; /* taken from the mailbox, not yet run; linked by mail.next */
    unsigned house_turns, handles_open;

    struct cbx_outlet {
        cbx_mailbox_t *box;
        void (*deliver)(cbx_batch_t *batch, void *arg);
        void *arg;
    } * outlets;
    unsigned outlets_len;

    cbx_room_t *rooms; /* by id */
    cbx_people_t people;
    cbx_failures_t *failures;
    cbx_json_t *json;
    double burst; /* messages at once: twice the rate */

    /* the batch under way */
    cbx_batch_t *batch;
    cbx_room_t *changed; /* rooms with a new rev, linked by next_changed */
    bool begun;          /* a transaction is open */
    bool failed;         /* ... and must be rolled back */
    int64_t now;         /* ms, wall: one time for all of the batch */
    size_t fetching;     /* hellos whose changes a reader is fetching */

    atomic_bool storage_ok, draining;
    void (*drained)(void *arg);
    void *drained_arg;
};

/* runs one command and sets cmd->err; false: it is not done yet and was given away (a hello that needs a
 * reader) */
bool cbx_run(cbx_core_t *core, cbx_command_t *cmd);

/* opens the transaction where none is open yet; before the first change */
cbx_err_t cbx_core_writing(cbx_core_t *core);
cbx_room_t *cbx_core_room(const cbx_core_t *core, int64_t id);
/* whose command it is; CBX_ERR_UNAUTHORIZED: his session ended */
cbx_err_t cbx_core_sender(cbx_core_t *core, const cbx_command_t *cmd, cbx_person_t **person);
/* the room, loaded, if he is in it; else CBX_ERR_NOT_FOUND */
cbx_err_t cbx_core_enter(cbx_core_t *core, const cbx_person_t *person, int64_t room_id, cbx_room_t **room);
/* gives what was written into core->json as a frame */
cbx_frame_t *cbx_core_frame(cbx_core_t *core);
/* the room has a new rev, which the commit is to write */
void cbx_core_changed(cbx_core_t *core, cbx_room_t *room);
/* takes the hello whose changes a reader has fetched, to be run again */
void cbx_core_again(cbx_core_t *core, cbx_command_t *cmd);

/* say.c */
cbx_err_t cbx_run_message(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_edit(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_delete(cbx_core_t *core, cbx_command_t *cmd);
/* hello.c */
bool cbx_run_hello(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_gone(cbx_core_t *core, cbx_command_t *cmd);
/* account.c */
cbx_err_t cbx_run_register(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_guest(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_login(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_logout(cbx_core_t *core, cbx_command_t *cmd);
/* a guest keeps the name while he is here: writes, every hour, that those who are were seen; a failure waits
 * an hour */
void cbx_touch_guests(cbx_core_t *core);
/* forgets wrong passwords that are older than a minute; cbx_failures_dispose: all */
void cbx_failures_sweep(cbx_core_t *core);
void cbx_failures_dispose(cbx_core_t *core);

#endif
