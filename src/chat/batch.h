/* batch.h -- what one commit tells the workers: the same immutable list for all of them, in order.
 *
 * Rows for a session are for the worker that has it. A worker goes through the rows in order; what it does
 * for each kind is in live/hub.c. The batch lives until the last worker has let go.
 */
#ifndef cbx_chat_batch_h
#define cbx_chat_batch_h

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/frame.h"

typedef enum cbx_row_kind {
    CBX_ROW_ROOM,    /* `frame` to every session in `room`, or to CBX_EVERYBODY */
    CBX_ROW_NEWS,    /* the same, but only news: left out where much waits */
    CBX_ROW_SESSION, /* `frame` to `session` */
    CBX_ROW_REFUSE,  /* the same: why the hello of `session` is refused */
    CBX_ROW_WELCOME, /* `session` is let in: `frame` says so */
    CBX_ROW_JOIN,    /* `session` gets the history `frame` of `room`, and hears the room from here on */
    CBX_ROW_PART,    /* `session` no longer hears `room` */
    CBX_ROW_CLOSE    /* `session` is closed with `code` */
} cbx_row_kind_t;

typedef struct cbx_row {
    cbx_row_kind_t kind;
    uint16_t code;
    bool asked; /* JOIN: the session asked for it itself, so its answer does not count as waiting */
    uint64_t session;
    int64_t room;
    cbx_frame_t *frame;
} cbx_row_t;

typedef struct cbx_batch {
    atomic_uint refs;
    size_t len, cap;
    cbx_row_t *rows;
} cbx_batch_t;

cbx_batch_t *cbx_batch_new(void);
/* adds a row and takes its frame; only before the batch is shared */
void cbx_batch_add(cbx_batch_t *batch, cbx_row_t row);
cbx_batch_t *cbx_batch_ref(cbx_batch_t *batch);
void cbx_batch_unref(cbx_batch_t *batch); /* any thread */

#endif
