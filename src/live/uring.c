/* uring.c -- a ring that is filled, submitted and emptied within one call, so nothing of it outlives a turn.
 */
#include "live/uring.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/error.h"

enum {
    ENTRIES = 512, /* in one submission: 50 KB a worker */
    FEW = 4        /* sends that are not worth a ring */
};

struct cbx_uring {
    struct io_uring ring;
};

cbx_uring_t *cbx_uring_create(void)
{
    cbx_uring_t *uring = cbx_zalloc(sizeof(*uring));

    if (io_uring_queue_init(ENTRIES, &uring->ring, 0) != 0) {
        free(uring);
        return NULL;
    }
    return uring;
}

void cbx_uring_free(cbx_uring_t *uring)
{
    if (uring == NULL)
        return;
    io_uring_queue_exit(&uring->ring);
    free(uring);
}

static void send_one(cbx_sending_t *sending)
{
    while ((sending->sent = send(sending->fd, sending->bytes, sending->len, MSG_DONTWAIT | MSG_NOSIGNAL)) ==
               -1 &&
           errno == EINTR)
        ;
    if (sending->sent == -1)
        sending->sent = -errno;
}

/* at most ENTRIES */
static void send_piece(struct io_uring *ring, cbx_sending_t *list, size_t len)
{
    struct io_uring_cqe *cqe;
    size_t done = 0;

    for (size_t i = 0; i != len; ++i) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
        io_uring_prep_send(sqe, list[i].fd, list[i].bytes, list[i].len, MSG_DONTWAIT | MSG_NOSIGNAL);
        io_uring_sqe_set_data(sqe, &list[i]);
    }
    while (done != len) {
        int result = io_uring_submit_and_wait(ring, 1);
        CBX_ASSERT(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY);
        for (; io_uring_peek_cqe(ring, &cqe) == 0; ++done) {
            ((cbx_sending_t *)io_uring_cqe_get_data(cqe))->sent = cqe->res;
            io_uring_cqe_seen(ring, cqe);
        }
    }
}

void cbx_uring_send(cbx_uring_t *uring, cbx_sending_t *list, size_t len)
{
    for (size_t i = 0, n; i != len; i += n) {
        n = len - i < ENTRIES ? len - i : ENTRIES;
        if (uring != NULL && n >= FEW)
            send_piece(&uring->ring, list + i, n);
        else
            for (size_t k = i; k != i + n; ++k)
                send_one(&list[k]);
    }
}
