/* hub_inside.h -- the inside of a hub, for its sessions. Worker's thread. */
#ifndef cbx_live_hub_inside_h
#define cbx_live_hub_inside_h

#include <uthash.h>

#include "live/session.h"
#include "live/uring.h"
#include "wire/deflate.h"

#define CBX_SENDINGS 512 /* at once: the system call is then 0.1 % of their cost */

/* references to frames */
typedef struct cbx_frames {
    cbx_frame_t **list;
    size_t len, cap;
} cbx_frames_t;

/* a room as one worker knows it: who hears it, and what it is told this turn */
typedef struct cbx_hub_room {
    int64_t id;
    cbx_session_t **listeners; /* dense: at 10,000 listeners pointer hopping costs a third more */
    size_t len, cap;
    size_t deflaters;          /* of the listeners */
    cbx_frames_t frames, news; /* of this turn, in order; news may be left out */
    bool dirty;                /* is in the hub's list of those to tell */
    struct cbx_hub_room *next_dirty;
    UT_hash_handle hh;
} cbx_hub_room_t;

struct cbx_hub {
    cbx_local_t *local;
    cbx_json_t *json;
    cbx_deflate_t *deflate;
    uint64_t count; /* of sessions, ever */
    unsigned seed;  /* for the spread of `bye` only */
    bool draining;
    h2o_timeout_t hello, ping, patience, linger;
    cbx_session_t **slots; /* the sessions, see chat/seat.h; NULL: free, and in this list: */
    uint32_t *free_slots;
    uint32_t slots_len, slots_cap, free_len, free_cap;
    size_t sessions;
    cbx_hub_room_t *rooms; /* by id */
    cbx_session_t *dirty, *dirty_last, *dead;
    cbx_parser_t *awake;   /* parsers that somebody has, */
    cbx_parser_t *parsers; /* ... and that nobody has */
    unsigned parsers_len;
    cbx_hub_room_t *dirty_rooms;
    cbx_uring_t *uring; /* NULL: the kernel has none for us */
    struct cbx_straight {
        cbx_session_t *session;
        cbx_frame_t *run;
    } straight[CBX_SENDINGS];             /* what is being sent straight to sockets; */
    cbx_sending_t sendings[CBX_SENDINGS]; /* the same, for the kernel */
};

/* the session has something to write at the end of the turn */
void cbx_hub_dirty(cbx_hub_t *hub, cbx_session_t *s);
/* writes to those */
void cbx_hub_write(cbx_hub_t *hub);
/* the session is CLOSED: out of the rooms now, freed at the end of the turn */
void cbx_hub_forget(cbx_hub_t *hub, cbx_session_t *s);

#endif
