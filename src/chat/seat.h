/* seat.h -- the sessions that the core knows, found by number without a search.
 *
 * A session's number says where it is: the outlet that has it, the slot in that outlet's table, and a count
 * in between, so that a slot's next session is not taken for the last one. Within an outlet a slot is free
 * again only when its GONE is on the way. A hash handle for each seat and session would cost 56 bytes twice.
 */
#ifndef cbx_chat_seat_h
#define cbx_chat_seat_h

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/types.h"

#define CBX_OUTLETS_MAX 4096 /* 12 bits; 28 count, so a number comes back after 268 million connections */
#define CBX_SLOTS_MAX (1 << 24)

static inline uint64_t cbx_session_number(unsigned outlet, uint64_t count, uint32_t slot)
{
    return (uint64_t)outlet << 52 | (count & 0xfffffff) << 24 | slot;
}

static inline unsigned cbx_session_outlet(uint64_t session)
{
    return (unsigned)(session >> 52);
}

static inline uint32_t cbx_session_slot(uint64_t session)
{
    return session & (CBX_SLOTS_MAX - 1);
}

typedef struct cbx_seat {
    uint64_t session;
    struct cbx_person *person;
    struct cbx_seat *next;        /* of the same person */
    uint8_t jti[CBX_JTI_LEN / 2]; /* of its token, packed */
    bool closing;                 /* logged out: nothing more is taken from it */
    bool welcomed;                /* has its welcome; before, it is told nothing else */
} cbx_seat_t;

typedef struct cbx_seats {
    struct cbx_row_of_seats {
        cbx_seat_t **list; /* by slot */
        size_t len;
    } * outlets;
    unsigned outlets_len;
} cbx_seats_t;

/* lends the seat of a session, or NULL */
cbx_seat_t *cbx_seats_find(const cbx_seats_t *seats, uint64_t session);
/* takes the seat, whose session has none */
void cbx_seats_add(cbx_seats_t *seats, cbx_seat_t *seat);
/* gives the seat back */
void cbx_seats_remove(cbx_seats_t *seats, cbx_seat_t *seat);
/* any one of them, or NULL */
cbx_seat_t *cbx_seats_first(const cbx_seats_t *seats);
/* they must be empty */
void cbx_seats_dispose(cbx_seats_t *seats);

#endif
