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

struct cbx_core {
    uv_loop_t *loop;
    uv_async_t async;
    uv_timer_t probe, house, purge, presence;
    const cbx_settings_t *settings;
    cbx_store_t *store;
    cbx_pool_t *pool;
    cbx_readers_t *readers;
    cbx_mailbox_t mailbox;
    cbx_command_t *waiting, *waiting_last; /* taken from the mailbox, not yet run; linked by mail.next */
    unsigned house_turns, handles_open;
    struct {           /* checkpoint.c */
        int moved;     /* pages of it that are in the file, too */
        bool moving;   /* a job of the pool is at it */
        int64_t until; /* ms, steady: readers wait, for it to be emptied; 0: they do not */
        int64_t again; /* ... and not before this it is tried again */
    } log;

    struct cbx_outlet {
        cbx_mailbox_t *box;
        void (*deliver)(cbx_batch_t *batch, void *arg);
        void *arg;
    } * outlets;
    unsigned outlets_len;

    cbx_room_t *rooms;  /* by id */
    cbx_room_t *loaded; /* of these, linked by prev and next: used longest ago first */
    cbx_people_t people;
    bool unnamed;        /* more came and left than names were told of: see presence.c */
    int64_t purged_upto; /* user id: guests up to there were looked at, see guests.c */
    cbx_json_t *json;
    double burst; /* messages at once: twice the rate */

    /* the batch under way */
    cbx_batch_t *batch;
    cbx_room_t *fresh;   /* rooms that were made, linked by next_fresh */
    cbx_room_t *changed; /* rooms with a new rev, linked by next_changed */
    bool begun;          /* a transaction is open */
    bool failed;         /* ... and must be rolled back */
    int64_t now;         /* ms, wall: one time for all of the batch */
    size_t away;         /* jobs of the pool that come home to us */

    bool resigned; /* nothing is written any more: another process may */
    atomic_bool storage_ok, draining;
    void (*drained)(void *arg);
    void *drained_arg;
};

/* runs one command and sets cmd->err; false: it is not done yet, but away with a reader */
bool cbx_run(cbx_core_t *core, cbx_command_t *cmd);

/* decides up to CBX_CORE_BATCH of the commands that wait; turn.c */
void cbx_core_turn(cbx_core_t *core);
/* moves the log into the file where it has grown, and lets it begin anew where it is long; after each turn */
void cbx_checkpoint_tend(cbx_core_t *core);
/* where texts were taken back: they go from the log too */
void cbx_checkpoint_erase(cbx_core_t *core);
/* could the last transaction be committed? While not, the core tries every second */
void cbx_core_set_storage_ok(cbx_core_t *core, bool ok);

/* opens a transaction, if the database can be written as far as we know; the caller ends it */
cbx_err_t cbx_core_begin(cbx_core_t *core);
/* opens the transaction of the batch where none is open yet; before the first change */
cbx_err_t cbx_core_writing(cbx_core_t *core);
/* a room that this transaction makes */
cbx_room_t *cbx_core_add_room(cbx_core_t *core, const cbx_store_room_t *row);
cbx_room_t *cbx_core_room(const cbx_core_t *core, int64_t id);
/* whose command it is, and what it costs him; CBX_ERR_UNAUTHORIZED: his session ended; CBX_ERR_RATE_LIMITED
 */
cbx_err_t cbx_core_sender(cbx_core_t *core, cbx_command_t *cmd, cbx_person_t **person);
/* does it cost of the allowance (chatterbox.rate)? turn.c */
bool cbx_command_costs(cbx_command_type_t type);
/* loads the room, if it is not: what is loaded stays for a second at least, unless the transaction fails */
cbx_err_t cbx_core_load(cbx_core_t *core, cbx_room_t *room);
/* the messages of the rooms used longest ago, where there are too many; between two turns */
void cbx_core_forget_unused(cbx_core_t *core);
/* all that is known of the room: the store knows better */
void cbx_core_forget(cbx_core_t *core, cbx_room_t *room);
/* the room, loaded, if he is in it; else CBX_ERR_NOT_FOUND */
cbx_err_t cbx_core_enter(cbx_core_t *core, const cbx_person_t *person, int64_t room_id, cbx_room_t **room);
/* gives what was written into core->json as a frame */
cbx_frame_t *cbx_core_frame(cbx_core_t *core);
/* what was written into core->json is the body of the command's answer */
void cbx_core_body(cbx_core_t *core, cbx_command_t *cmd);
/* adds a row with what was written into core->json: to one seat, or to whom the kind says */
void cbx_core_tell_seat(cbx_core_t *core, cbx_row_kind_t kind, const cbx_seat_t *seat, int64_t room);
void cbx_core_tell(cbx_core_t *core, cbx_row_kind_t kind, int64_t room);
/* what was written into core->json goes to everybody as news, at once; outside a batch */
void cbx_core_announce(cbx_core_t *core);
/* the room has a new rev, which the commit is to write */
void cbx_core_changed(cbx_core_t *core, cbx_room_t *room);
/* gives a command to a reader, with the job that it waits for; CBX_ERR_RATE_LIMITED: too many wait */
cbx_err_t cbx_core_send_away(cbx_core_t *core, cbx_command_t *cmd, cbx_job_t *job);
/* takes the command that a reader has served, to be run again */
void cbx_core_again(cbx_core_t *core, cbx_command_t *cmd);

/* say.c */
cbx_err_t cbx_run_message(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_edit(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_delete(cbx_core_t *core, cbx_command_t *cmd);
/* signs.c */
cbx_err_t cbx_run_typing(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_read(cbx_core_t *core, cbx_command_t *cmd);
/* who has said something, or gone, types no longer; the others forget it by themselves after 5 s, or are told
 * when he is `gone` */
void cbx_stop_typing(cbx_core_t *core, cbx_person_t *person, cbx_membership_t *membership, bool gone);
/* presence.c: somebody came or left; it will be announced */
void cbx_presence_changed(cbx_core_t *core);
/* writes the names of all who are into the list that is open in core->json */
void cbx_put_online_names(cbx_core_t *core);
/* rooms.c */
cbx_err_t cbx_run_rooms(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_create(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_edit_room(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_direct(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_join(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_leave(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_members(cbx_core_t *core, cbx_command_t *cmd);
/* the person, who is in the room, no longer is */
cbx_err_t cbx_core_part(cbx_core_t *core, cbx_room_t *room, cbx_person_t *person);
/* view.c: the room without what is one member's */
cbx_room_view_t cbx_room_view(const cbx_room_t *room);
/* writes the room as this member (NULL: somebody who might join) sees it into core->json */
cbx_err_t cbx_put_room(cbx_core_t *core, const cbx_room_t *room, const cbx_person_t *person,
                       const cbx_membership_t *membership);
/* unread.c: the messages that a member has not read; exact */
cbx_err_t cbx_unread_now(cbx_core_t *core, const cbx_membership_t *membership, int64_t user_id,
                         int64_t *count);
/* Before the answer to `cmd` shows how much is unread in `room` (CBX_EVERY_ROOM: in all of his): true when
 * that is too much to be counted by the core, and then the command is on its way to a reader, to be run once
 * more, or (cmd->err) there are too many of them. Ask before the first change. */
#define CBX_EVERY_ROOM 0
bool cbx_count_ahead(cbx_core_t *core, cbx_command_t *cmd, const cbx_person_t *person, int64_t room);
/* hello.c */
cbx_err_t cbx_run_hello(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_gone(cbx_core_t *core, cbx_command_t *cmd);
/* this seat hears the room from now on: its newest page goes ahead, the same bytes to all seats that are told
 * with one `history`, which is NULL at first, and the caller's reference then */
void cbx_seat_hears(cbx_core_t *core, const cbx_seat_t *seat, cbx_room_t *room, cbx_frame_t **history);
/* account.c */
cbx_err_t cbx_run_register(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_guest(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_login(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_logout(cbx_core_t *core, cbx_command_t *cmd);
cbx_err_t cbx_run_profile(cbx_core_t *core, cbx_command_t *cmd);
#define CBX_NAME_KEPT_MS                                                                                     \
    (24 * 60 * 60 * 1000) /* PROTOCOL.md: a guest's name is theirs for so long after they went */
/* guests.c: a guest keeps the name while he is here: writes, every hour, that those who are were seen; a
 * failure waits an hour */
void cbx_touch_guests(cbx_core_t *core);
/* forgets some of the guests whom nobody can be again, and to whom nothing refers; true: there may be more */
bool cbx_purge_guests(cbx_core_t *core);

#endif
