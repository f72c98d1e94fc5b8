/* room.h -- a room as the core knows it: its number, its newest messages encoded, and who missed what.
 *
 * The newest CBX_ROOM_MEMORY messages are kept as the bytes that clients get, and of the older ones those
 * that changed last. `floor_rev` is the highest rev among the messages that are not kept: whoever has seen
 * that rev can be told all he missed from memory, and whoever has not needs a reader. Core thread only, but
 * for the functions on entries and fetched pages, which are pure.
 */
#ifndef cbx_chat_room_h
#define cbx_chat_room_h

#include <uthash.h>

#include "chat/command.h"
#include "store/store.h"

#define CBX_ROOM_MEMORY 100 /* messages: a page of 50 and as much again for those who were away shortly */
#define CBX_ROOM_LATE 100   /* older ones that changed: else one edit would send all to a reader */
#define CBX_RESUME_MAX                                                                                       \
    1000 /* changes of a room that a client may have missed; more: it gets the newest page instead */

/* a message, encoded */
typedef struct cbx_entry {
    int64_t id, rev;
    size_t len;
    char json[];
} cbx_entry_t;

/* a reading mark; user_id 0: none */
typedef struct cbx_mark {
    int64_t user_id, read_id;
} cbx_mark_t;

typedef struct cbx_room {
    int64_t id, rev, last_id, owner_id;
    cbx_room_kind_t kind;
    char *name, *topic; /* of a direct room the name is a key, see rooms.c */
    int64_t members;
    cbx_mark_t top[2];     /* the two highest, of two users */
    int64_t typing_second; /* ms, steady: since when typing events are counted */
    int typing_count;
    bool known;   /* is what is above true, but for the typing, or must it be read first? */
    bool loaded;  /* ... and what is below? */
    bool changed; /* in this transaction: its rev is to be written at the end */
    struct cbx_room *next_changed;
    bool fresh; /* made in this transaction: gone, if that fails */
    struct cbx_room *next_fresh;
    bool older; /* there are messages before the oldest in memory */
    int64_t floor_rev;
    size_t len;
    cbx_entry_t **entries; /* CBX_ROOM_MEMORY at most, by id, oldest first */
    size_t late_len;
    cbx_entry_t **late; /* CBX_ROOM_LATE at most, of the messages before these; by rev, lowest first */
    size_t bytes;       /* all that is in memory of it */
    int64_t used_at;    /* ms, steady */
    struct cbx_room *prev, *next; /* the other rooms that are loaded, see common.c */
    UT_hash_handle hh;
} cbx_room_t;

cbx_entry_t *cbx_entry_new(cbx_json_t *json, const cbx_message_t *m);

/* reads the changes of `fetched->room` behind `fetched->upto`, and moves that on; a job's thread.
 * CBX_ERR_OVERLOADED: there is no room for them */
cbx_err_t cbx_fetch_changes(cbx_store_t *reader, cbx_fetched_t *fetched);
size_t cbx_fetched_bytes(const cbx_fetched_t *fetched);
void cbx_fetched_dispose(cbx_fetched_t *fetched);

cbx_room_t *cbx_room_new(const cbx_store_room_t *row);
void cbx_room_free(cbx_room_t *room);

/* reads what is known of the room without its messages, unless it is known */
cbx_err_t cbx_room_know(cbx_room_t *room, cbx_store_t *store);
/* the same, and the newest messages */
cbx_err_t cbx_room_load(cbx_room_t *room, cbx_store_t *store, cbx_json_t *json);
/* reads the two highest marks again: somebody left */
cbx_err_t cbx_room_load_top(cbx_room_t *room, cbx_store_t *store);
/* what is in memory may be wrong (a transaction failed): read it again before the next use */
void cbx_room_forget(cbx_room_t *room);
/* the same, but only of the messages */
void cbx_room_forget_messages(cbx_room_t *room);

/* takes the entry of a new message, or of one that changed; the room's rev becomes the entry's */
void cbx_room_put(cbx_room_t *room, cbx_entry_t *entry);

/* can all changes behind `since` be told from memory? */
bool cbx_room_remembers(const cbx_room_t *room, int64_t since);

/* bytes of the messages that a history from `since` has, as below, without those that were fetched */
size_t cbx_room_history_bytes(const cbx_room_t *room, int64_t since);
/* writes {"type":"history",…}: the changes behind `since` by rev, led by `fetched` (may be NULL); or, with
 * `since` -1, the newest page by id, saying `reset` */
void cbx_room_put_history(cbx_room_t *room, cbx_json_t *json, int64_t since, const cbx_fetched_t *fetched,
                          bool reset);

#endif
