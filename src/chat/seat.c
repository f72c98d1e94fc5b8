/* seat.c -- a table of tables: outlets, and their slots. */
#include "chat/seat.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"

cbx_seat_t *cbx_seats_find(const cbx_seats_t *seats, uint64_t session)
{
    unsigned outlet = cbx_session_outlet(session);
    uint32_t slot = cbx_session_slot(session);
    cbx_seat_t *seat;

    if (outlet >= seats->outlets_len || slot >= seats->outlets[outlet].len)
        return NULL;
    seat = seats->outlets[outlet].list[slot];
    return seat != NULL && seat->session == session ? seat : NULL;
}

/* an array of `size` bytes a piece, with zeroes up to `index` at least */
static void *grow(void *list, size_t size, size_t *len, size_t index)
{
    size_t before = *len;

    if (index < before)
        return list;
    *len = index + index / 2 + 1;
    list = cbx_realloc(list, size * *len);
    memset((char *)list + size * before, 0, size * (*len - before));
    return list;
}

static cbx_seat_t **slot_of(cbx_seats_t *seats, uint64_t session)
{
    unsigned outlet = cbx_session_outlet(session);
    uint32_t slot = cbx_session_slot(session);
    struct cbx_row_of_seats *row;
    size_t len = seats->outlets_len;

    seats->outlets = grow(seats->outlets, sizeof(*seats->outlets), &len, outlet);
    seats->outlets_len = (unsigned)len;
    row = &seats->outlets[outlet];
    row->list = grow(row->list, sizeof(*row->list), &row->len, slot);
    return &row->list[slot];
}

void cbx_seats_add(cbx_seats_t *seats, cbx_seat_t *seat)
{
    cbx_seat_t **at = slot_of(seats, seat->session);

    CBX_ASSERT(*at == NULL); /* who had the slot before said GONE first */
    *at = seat;
}

void cbx_seats_remove(cbx_seats_t *seats, cbx_seat_t *seat)
{
    *slot_of(seats, seat->session) = NULL;
}

cbx_seat_t *cbx_seats_first(const cbx_seats_t *seats)
{
    for (unsigned i = 0; i != seats->outlets_len; ++i)
        for (size_t k = 0; k != seats->outlets[i].len; ++k)
            if (seats->outlets[i].list[k] != NULL)
                return seats->outlets[i].list[k];
    return NULL;
}

void cbx_seats_dispose(cbx_seats_t *seats)
{
    for (unsigned i = 0; i != seats->outlets_len; ++i)
        free(seats->outlets[i].list);
    free(seats->outlets);
    *seats = (cbx_seats_t){NULL, 0};
}
