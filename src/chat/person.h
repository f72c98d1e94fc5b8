/* person.h -- who is here: users with their sessions, rooms and allowance, as the core knows them. Core
 * thread only.
 *
 * A session is a lease held by a connection. A person stays in memory while there is a session, and until the
 * allowance is full again, so that nobody gets a fresh one by leaving and coming back.
 */
#ifndef cbx_chat_person_h
#define cbx_chat_person_h

#include <uthash.h>

#include "chat/seat.h"
#include "store/store.h"

typedef struct cbx_person cbx_person_t;

/* what a user is in a room */
typedef struct cbx_membership {
    int64_t room, read_id, joined_id; /* as store.h's cbx_store_member_t */
    int64_t typing_until;             /* ms, steady: others believe until then that he types */
    cbx_unread_t *counted;            /* what a reader counted last; NULL: nothing. The person's */
} cbx_membership_t;

/* There is one for everybody who is here, so it is packed: 152 bytes, and 280 less than a cbx_user_t's names
 * would take. */
struct cbx_person {
    struct {
        int64_t id;
        char *username, *display_name; /* in one piece of memory, once where they are the same */
    } user;
    uint32_t rooms_len : 24;
    bool guest : 1;
    bool left : 1;                      /* a guest who went, and the store does not know yet */
    bool stale : 1;                     /* a transaction failed: user and memberships must be read again */
    bool released : 1;                  /* a guest who gave the name away: somebody else may have it */
    bool online : 1;                    /* has a seat, or had one a moment ago */
    bool is_coming : 1, is_leaving : 1; /* in presence.c's lists */
    float allowance;                    /* messages that may be sent at once */
    int64_t allowance_at;               /* ms, steady: when that was */
    cbx_membership_t *rooms;            /* by room id */
    cbx_seat_t *seats;
    int64_t last_seen; /* ms, as the store has it */
    int64_t gone_at;   /* ms, steady: when the last seat was left */
    int64_t queued_at; /* ... and when that was when he was put into the list of those who may be gone */
    struct cbx_person *next_coming, *next_leaving;
    UT_hash_handle hh;
};

typedef struct cbx_people {
    cbx_person_t *persons; /* by user id */
    cbx_seats_t seats;
    size_t online;                        /* persons who are */
    cbx_person_t *coming;                 /* who are online and have not been announced */
    cbx_person_t *leaving, *leaving_last; /* who may be gone, oldest first */
} cbx_people_t;

/* finds the person or reads him from the store; CBX_ERR_NOT_FOUND: no such user. A new person starts with
 * `burst` messages */
cbx_err_t cbx_people_load(cbx_people_t *people, cbx_store_t *store, int64_t user_id, double burst,
                          cbx_person_t **person);
cbx_person_t *cbx_people_find(const cbx_people_t *people, int64_t user_id);
void cbx_people_dispose(cbx_people_t *people);
/* forgets him now, who has no seat and is not online; harmless where he is not known */
void cbx_people_forget(cbx_people_t *people, int64_t user_id);
/* forgets those who are gone and whose allowance is full again, at `now` (ms, steady) and `rate` a second */
void cbx_people_sweep(cbx_people_t *people, double rate, double burst, int64_t now);

cbx_seat_t *cbx_people_sit(cbx_people_t *people, cbx_person_t *person, uint64_t session, const char *jti);
/* ends a lease at `now` (ms, steady); returns the person when it was his last, else NULL */
cbx_person_t *cbx_people_stand(cbx_people_t *people, uint64_t session, int64_t now);

/* the next who came and is to be announced, or NULL */
cbx_person_t *cbx_people_next_came(cbx_people_t *people);
/* the next who left `grace` ms before `now` and did not come back, no longer online, or NULL */
cbx_person_t *cbx_people_next_left(cbx_people_t *people, int64_t grace, int64_t now);

void cbx_person_set_user(cbx_person_t *person, const cbx_user_t *user);
cbx_user_t cbx_person_user(const cbx_person_t *person);
/* lends what he is in the room, or NULL when he is not in it */
cbx_membership_t *cbx_person_in_room(const cbx_person_t *person, int64_t room);
void cbx_person_join(cbx_person_t *person, const cbx_membership_t *membership);
void cbx_person_leave(cbx_person_t *person, int64_t room);
/* takes one message off the allowance and returns 0, or says how many seconds to wait; rate 0: no limit */
double cbx_person_spend(cbx_person_t *person, double rate, double burst, int64_t now);

#endif
