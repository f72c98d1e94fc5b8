/* store.h -- what the core and the readers ask of a database. SQLite answers (store/sqlite.c); others may.
 *
 * A store is one connection, used by one thread at a time. The core has the only one that writes; the jobs of
 * the pool borrow readers (store/readers.h). Nothing here assumes that this process is the only one that
 * writes. Every function that returns a cbx_err_t returns CBX_ERR_STORAGE_UNAVAILABLE when the database fails
 * (the reason is logged), and CBX_ERR_NOT_FOUND where that makes sense.
 */
#ifndef cbx_store_store_h
#define cbx_store_store_h

#include "base/buf.h"
#include "base/error.h"
#include "wire/types.h"

typedef struct cbx_store cbx_store_t;

/* opens or makes the database, migrates it (store/schema.c; first the file is copied to `<path>.v<old>.bak`,
 * or to `….2.bak` where that is taken), and returns the writing connection. `path` may be ":memory:". On
 * failure returns NULL and one line of why in `why`; a file that is no database of ours is left as it is. */
cbx_store_t *cbx_store_open(const char *path, bool synchronous_full, char *why, size_t why_len);
/* as cbx_store_open, but changes nothing: true when it could be opened, or made, by cbx_store_open (for `-t`)
 */
bool cbx_store_check(const char *path, char *why, size_t why_len);
/* waits until no other process has the database `path` for writing, and says so in the log where it must */
void cbx_store_wait(const char *path);
/* another process may write from here on: this store never does again */
void cbx_store_let_go(cbx_store_t *store);
/* a reading connection beside the writing one `to`; NULL when it cannot be had */
cbx_store_t *cbx_store_open_reader(const cbx_store_t *to);
void cbx_store_close(cbx_store_t *store);

/* the name of this database's life, hex; changes when a backup is restored (by `UPDATE meta`) */
const char *cbx_store_epoch(const cbx_store_t *store);

/* -- transactions: the core's. A change outside begin and commit is a mistake of ours. -- */
cbx_err_t cbx_store_begin(cbx_store_t *store);
cbx_err_t cbx_store_commit(cbx_store_t *store);
/* gives up what was begun; harmless where nothing was */
void cbx_store_rollback(cbx_store_t *store);
/* tries to write (and changes nothing that anybody sees): can we again? */
cbx_err_t cbx_store_probe(cbx_store_t *store);
/* where texts were taken back since the last time: they go from the log too; call when nobody waits */
void cbx_store_erase(cbx_store_t *store);
/* moves what is in the log into the database file, as far as those who read allow, and syncs both; `moved`
 * (or NULL): how many pages from the log's beginning are in the file then. A reader's connection can do it
 * while the core writes; not two at the same time. CBX_ERR_STORAGE_UNAVAILABLE */
cbx_err_t cbx_store_move_log(cbx_store_t *store, int *moved);
/* how many pages the log had at the last commit; 0 when the core moved all of them since */
int cbx_store_log_pages(const cbx_store_t *store);
/* moves the log into the file, and the next commit begins it anew, unless somebody reads at this moment */
void cbx_store_empty_log(cbx_store_t *store);

/* -- rooms -- */
typedef struct cbx_store_room {
    int64_t id, rev, last_id, owner_id; /* last_id 0: no message; owner_id 0: nobody's */
    cbx_room_kind_t kind;
    const char *name, *topic;
} cbx_store_room_t;
typedef void (*cbx_store_room_cb)(void *arg, const cbx_store_room_t *room);

cbx_err_t cbx_store_rooms(cbx_store_t *store, cbx_store_room_cb cb, void *arg);
/* the one room; CBX_ERR_NOT_FOUND */
cbx_err_t cbx_store_room(cbx_store_t *store, int64_t id, cbx_store_room_cb cb, void *arg);
/* makes a room (`row->id` and `rev` are ignored); CBX_ERR_NAME_TAKEN: a public room has the name, compared
 * without case, or a direct one the key */
cbx_err_t cbx_store_add_room(cbx_store_t *store, const cbx_store_room_t *row, int64_t now, int64_t *id);
/* name, topic and owner become those of `row`; CBX_ERR_NAME_TAKEN as above */
cbx_err_t cbx_store_edit_room(cbx_store_t *store, const cbx_store_room_t *row);
/* the direct room with this key (chat/rooms.c makes keys); CBX_ERR_NOT_FOUND */
cbx_err_t cbx_store_direct(cbx_store_t *store, const char *key, int64_t *id);
cbx_err_t cbx_store_set_rev(cbx_store_t *store, int64_t room, int64_t rev);

/* -- members. `read_id` is a reading mark; `joined_id` the newest message when the user came: unread ones are
 * behind both. -- */
typedef struct cbx_store_member {
    int64_t room, user_id, read_id, joined_id;
    const char *username;
    const char *display_name; /* cbx_store_members only */
} cbx_store_member_t;
typedef void (*cbx_store_member_cb)(void *arg, const cbx_store_member_t *member);

/* the rooms that a user is in, by room id */
cbx_err_t cbx_store_rooms_of(cbx_store_t *store, int64_t user_id, cbx_store_member_cb cb, void *arg);
/* up to `limit` reading marks of a room, the highest first; who has left still has read what he read */
cbx_err_t cbx_store_marks(cbx_store_t *store, int64_t room, int limit, cbx_store_member_cb cb, void *arg);
cbx_err_t cbx_store_member_count(cbx_store_t *store, int64_t room, int64_t *count);
cbx_err_t cbx_store_is_member(cbx_store_t *store, int64_t room, int64_t user_id, bool *is);
/* makes `user_id` a member who joined behind message `joined_id`; nothing changes when he is one already.
 * `*read_id` becomes his reading mark: 0, or where it was when he left */
cbx_err_t cbx_store_add_member(cbx_store_t *store, int64_t room, int64_t user_id, int64_t joined_id,
                               int64_t *read_id);
/* no longer a member; CBX_ERR_NOT_FOUND when he was none */
cbx_err_t cbx_store_remove_member(cbx_store_t *store, int64_t room, int64_t user_id);
cbx_err_t cbx_store_set_read(cbx_store_t *store, int64_t room, int64_t user_id, int64_t read_id);
/* up to `limit` members of a room by name, behind the name `after` */
cbx_err_t cbx_store_members(cbx_store_t *store, int64_t room, const char *after, int limit,
                            cbx_store_member_cb cb, void *arg);
/* messages of the room with an id above `after`, not by `user_id`, not deleted, which is what he has not
 * read; takes 0.2 us for each of them */
typedef struct cbx_unread {
    int64_t room, after, user_id;
    int64_t rev, last_id; /* of the room when it was counted */
    int64_t count;
} cbx_unread_t;
/* counts them, within a snapshot; CBX_ERR_NOT_FOUND: no such room */
cbx_err_t cbx_store_unread(cbx_store_t *store, cbx_unread_t *unread);
/* how many they are now, where they were `unread`; reads only what has changed since then */
cbx_err_t cbx_store_unread_now(cbx_store_t *store, const cbx_unread_t *unread, int64_t *count);

/* -- messages. What a callback is given lasts until it returns. -- */
typedef void (*cbx_store_message_cb)(void *arg, const cbx_message_t *message);
typedef enum cbx_page_kind {
    CBX_PAGE_NEWEST,
    CBX_PAGE_BEFORE,
    CBX_PAGE_AFTER,
    CBX_PAGE_AROUND
} cbx_page_kind_t;

/* stores `m` (its id is ignored). `*id` becomes the new id and `*dup` false; or, where the author has stored
 * this cid before, nothing changes, `*id` is the first one's and `*dup` true. */
cbx_err_t cbx_store_insert(cbx_store_t *store, const cbx_message_t *m, int64_t *id, bool *dup);
/* calls `cb` once with the message `id`, or returns CBX_ERR_NOT_FOUND */
cbx_err_t cbx_store_message(cbx_store_t *store, int64_t id, cbx_store_message_cb cb, void *arg);
/* the text of message `id` becomes `text`, `edited` the time, `rev` its new rev */
cbx_err_t cbx_store_edit(cbx_store_t *store, int64_t id, const char *text, size_t len, int64_t edited,
                         int64_t rev);
/* the text is gone, the place stays */
cbx_err_t cbx_store_delete(cbx_store_t *store, int64_t id, int64_t rev);
/* a page in the order of id, oldest first. `id` is the edge (not included, but for AROUND: half the page each
 * side and the message itself); `*more` tells whether there are older ones before the page (for AFTER: newer
 * ones behind it). */
cbx_err_t cbx_store_page(cbx_store_t *store, int64_t room, cbx_page_kind_t kind, int64_t id, int limit,
                         cbx_store_message_cb cb, void *arg, bool *more);
/* up to `limit` messages of the room with a rev above `since`, lowest rev first */
cbx_err_t cbx_store_changes(cbx_store_t *store, int64_t room, int64_t since, int limit,
                            cbx_store_message_cb cb, void *arg);
/* the highest rev among the messages with an id below `id`; 0: there is none */
cbx_err_t cbx_store_rev_below(cbx_store_t *store, int64_t room, int64_t id, int64_t *rev);
/* the rev of a room; within cbx_store_snapshot it fits what is read beside it; CBX_ERR_NOT_FOUND */
cbx_err_t cbx_store_room_rev(cbx_store_t *store, int64_t room, int64_t *rev);
/* reads between these two see one state of the database; readers only */
cbx_err_t cbx_store_snapshot(cbx_store_t *store);
void cbx_store_snapshot_end(cbx_store_t *store);

/* -- users. A name belongs to one user at a time, compared without case. -- */
typedef struct cbx_store_user {
    cbx_user_t user;
    char *password_hash; /* NULL: a guest. Malloc'ed: free it with cbx_store_user_dispose */
    int64_t last_seen;   /* ms */
} cbx_store_user_t;

void cbx_store_user_dispose(cbx_store_user_t *user);
cbx_err_t cbx_store_user(cbx_store_t *store, int64_t id, cbx_store_user_t *user);
/* the user who holds the name now; CBX_ERR_NOT_FOUND when it is free */
cbx_err_t cbx_store_user_by_name(cbx_store_t *store, const char *username, cbx_store_user_t *user);
/* `password_hash` NULL: a guest. CBX_ERR_NAME_TAKEN when somebody holds the name; `user->id` becomes the new
 * id */
cbx_err_t cbx_store_add_user(cbx_store_t *store, cbx_user_t *user, const char *password_hash, int64_t now);
/* a guest becomes an account under the same id */
cbx_err_t cbx_store_upgrade_guest(cbx_store_t *store, int64_t id, const char *display_name,
                                  const char *password_hash);
/* the guest no longer holds the name; whoever takes it is a new user */
cbx_err_t cbx_store_release_name(cbx_store_t *store, int64_t id);
cbx_err_t cbx_store_set_display_name(cbx_store_t *store, int64_t id, const char *display_name);
cbx_err_t cbx_store_set_password(cbx_store_t *store, int64_t id, const char *password_hash);
cbx_err_t cbx_store_touch(cbx_store_t *store, int64_t id, int64_t now);

/* guests whom nobody can be again, because they have no session at `now` (ms), and whose name was given up or
 * has lapsed, as they were not seen since `seen`; and to whom nothing refers: no message, no room that they
 * own or are in, but `general`, and no direct room. Looks at `look_at` users behind the id `*upto`, moves
 * that on, and begins again at 0 behind the last. */
typedef struct cbx_lapsed {
    int64_t *ids; /* room for `max` */
    size_t max, len;
} cbx_lapsed_t;
cbx_err_t cbx_store_lapsed_guests(cbx_store_t *store, int64_t *upto, int64_t look_at, int64_t now,
                                  int64_t seen, cbx_lapsed_t *lapsed);
/* such a guest is no more; CBX_ERR_NOT_FOUND: it is none */
cbx_err_t cbx_store_remove_guest(cbx_store_t *store, int64_t id);

/* -- sessions: a token is good while its row is here. -- */
/* `expires_at` in s, as a token has it */
cbx_err_t cbx_store_open_session(cbx_store_t *store, const char *jti, int64_t user_id, int64_t expires_at);
/* whose session it is; CBX_ERR_NOT_FOUND: logged out, or never was */
cbx_err_t cbx_store_session(cbx_store_t *store, const char *jti, int64_t *user_id);
cbx_err_t cbx_store_close_session(cbx_store_t *store, const char *jti);
/* all sessions of the user but `except` (NULL: all) */
cbx_err_t cbx_store_close_sessions(cbx_store_t *store, int64_t user_id, const char *except);
/* forgets the sessions that expired before `now` (s) */
cbx_err_t cbx_store_purge_sessions(cbx_store_t *store, int64_t now);

#endif
