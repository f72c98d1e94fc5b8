/* batch.c -- a list of rows that grows while the core runs commands, and is immutable and counted once it is
 * mailed. */
#include "chat/batch.h"

#include <stdlib.h>

#include "base/buf.h"

cbx_batch_t *cbx_batch_new(void)
{
    cbx_batch_t *batch = cbx_zalloc(sizeof(*batch));

    atomic_init(&batch->refs, 1);
    return batch;
}

void cbx_batch_add(cbx_batch_t *batch, cbx_row_t row)
{
    if (batch->len == batch->cap) {
        batch->cap = batch->cap == 0 ? 16 : batch->cap * 2;
        batch->rows = cbx_realloc(batch->rows, sizeof(*batch->rows) * batch->cap);
    }
    batch->rows[batch->len++] = row;
}

cbx_batch_t *cbx_batch_ref(cbx_batch_t *batch)
{
    atomic_fetch_add_explicit(&batch->refs, 1, memory_order_relaxed);
    return batch;
}

void cbx_batch_unref(cbx_batch_t *batch)
{
    if (atomic_fetch_sub_explicit(&batch->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i != batch->len; ++i)
        cbx_frame_unref(batch->rows[i].frame);
    free(batch->rows);
    free(batch);
}
