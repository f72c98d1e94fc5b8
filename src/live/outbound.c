/* outbound.c -- references in order, one write at a time. */
#include "live/outbound.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/memory.h"

enum {
    QUEUE_FIRST = 6,       /* frames that a queue has room for at first */
    IOV_MAX_STRAIGHT = 64, /* frames for one sendmsg: a turn's private frames and runs, with room to spare */
    INFLIGHT_BYTES =
        131072, /* given to H2O at once: what cannot be taken back when the connection turns out slow */
};

struct cbx_queue {
    size_t head, len, cap; /* no ring is needed: it is emptied at nearly every turn */
    size_t offset;         /* bytes of the first frame that are gone already */
    size_t inflight;       /* frames, from the head, that H2O is writing */
    size_t bytes;          /* that wait, all in all */
    size_t exempt;         /* of these: answers that were asked for, which do not count as slowness */
    bool moved;            /* since the last look of cbx_outbound_stuck, */
    int64_t moved_at;      /* ... which had seen it move then, ms */
    size_t asked;          /* of `exempt` what is surely there yet */
    size_t asked_then;     /* ... at the last look of cbx_outbound_hoards that found enough taken, */
    int64_t asked_at;      /* ... and when that was, ms; 0: there was none */
    cbx_frame_t *frames[];
};

static struct cbx_queue *resize(struct cbx_queue *queue, size_t cap)
{
    queue = cbx_realloc(queue, sizeof(*queue) + sizeof(queue->frames[0]) * cap);
    queue->cap = cap;
    return queue;
}

/* the queue, with room for one more */
static struct cbx_queue *make_room(cbx_outbound_t *out)
{
    struct cbx_queue *queue = out->queue;

    if (queue == NULL) {
        queue = resize(NULL, QUEUE_FIRST);
        *queue = (struct cbx_queue){.cap = QUEUE_FIRST, .moved = true};
    } else if (queue->len == queue->cap && queue->head > queue->cap / 2) {
        memmove(queue->frames, queue->frames + queue->head,
                sizeof(queue->frames[0]) * (queue->len - queue->head));
        queue->len -= queue->head;
        queue->head = 0;
    } else if (queue->len == queue->cap) {
        queue = resize(queue, queue->cap * 2);
    }
    return out->queue = queue;
}

void cbx_outbound_push(cbx_outbound_t *out, cbx_frame_t *frame)
{
    struct cbx_queue *queue = make_room(out);

    queue->frames[queue->len++] = cbx_frame_ref(frame);
    queue->bytes += frame->len;
}

void cbx_outbound_push_exempt(cbx_outbound_t *out, cbx_frame_t *frame)
{
    cbx_outbound_push(out, frame);
    out->queue->exempt += frame->len;
    out->queue->asked += frame->len;
    out->queue->asked_then += frame->len;
}

size_t cbx_outbound_bytes(const cbx_outbound_t *out)
{
    return out->queue == NULL ? 0 : out->queue->bytes;
}

size_t cbx_outbound_waiting(const cbx_outbound_t *out)
{
    return out->queue == NULL ? 0 : out->queue->bytes - out->queue->exempt;
}

size_t cbx_outbound_pieces(const cbx_outbound_t *out)
{
    return out->queue == NULL ? 0 : out->queue->len - out->queue->head;
}

bool cbx_outbound_hoards(cbx_outbound_t *out, size_t hoard, int64_t patience, int64_t now)
{
    struct cbx_queue *queue = out->queue;

    if (queue == NULL || queue->asked <= hoard || (queue->asked_at != 0 && now - queue->asked_at < patience))
        return false;
    if (queue->asked_at != 0 && queue->asked_then - queue->asked < cbx_memory_pace(queue->asked))
        return true;
    queue->asked_then = queue->asked;
    queue->asked_at = now;
    return false;
}

int64_t cbx_outbound_stuck(cbx_outbound_t *out, int64_t now)
{
    struct cbx_queue *queue = out->queue;

    if (queue == NULL)
        return 0;
    if (queue->moved)
        queue->moved_at = now;
    queue->moved = false;
    return now - queue->moved_at;
}

static void free_queue(cbx_outbound_t *out)
{
    free(out->queue);
    out->queue = NULL;
}

/* which of the bytes that went were exempt is not worth a list: this errs on the patient side */
static void limit_exempt(struct cbx_queue *queue)
{
    if (queue->exempt > queue->bytes)
        queue->exempt = queue->bytes;
}

/* `n` bytes from the front are gone */
static void consume(cbx_outbound_t *out, size_t n)
{
    struct cbx_queue *queue = out->queue;

    queue->bytes -= n;
    queue->asked -= n < queue->asked ? n : queue->asked; /* as if these went first */
    queue->moved = queue->moved || n != 0;
    limit_exempt(queue);
    for (n += queue->offset; queue->head != queue->len && n >= queue->frames[queue->head]->len;
         ++queue->head) {
        n -= queue->frames[queue->head]->len;
        cbx_frame_unref(queue->frames[queue->head]);
    }
    queue->offset = n;
    if (queue->head == queue->len) {
        CBX_ASSERT(queue->offset == 0 && queue->bytes == 0);
        free_queue(out);
    }
}

/* the frames at the front as a list of pieces, at most `max` and, but for the first, `limit` bytes */
static size_t pieces(const struct cbx_queue *queue, struct iovec *iov, size_t max, size_t limit)
{
    size_t n = 0, skip = queue->offset, bytes = 0;

    for (size_t i = queue->head; i != queue->len && n != max; ++i) {
        bytes += queue->frames[i]->len - skip;
        if (n != 0 && bytes > limit)
            break;
        iov[n].iov_base = queue->frames[i]->bytes + skip;
        iov[n++].iov_len = queue->frames[i]->len - skip;
        skip = 0;
    }
    return n;
}

static cbx_write_t straight(cbx_outbound_t *out, int fd)
{
    struct iovec iov[IOV_MAX_STRAIGHT];
    ssize_t sent;

    while (out->queue != NULL) {
        struct msghdr msg = {.msg_iov = iov,
                             .msg_iovlen = pieces(out->queue, iov, IOV_MAX_STRAIGHT, SIZE_MAX)};
        while ((sent = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL)) == -1 && errno == EINTR)
            ;
        if (sent == -1)
            return errno == EAGAIN ? CBX_WRITE_PENDING : CBX_WRITE_FAILED;
        consume(out, (size_t)sent);
    }
    return CBX_WRITE_DONE;
}

cbx_write_t cbx_outbound_sent(cbx_outbound_t *out, cbx_frame_t *frame, ssize_t sent)
{
    CBX_ASSERT(out->queue == NULL);
    if (sent == (ssize_t)frame->len)
        return CBX_WRITE_DONE;
    if (sent < 0 && sent != -EAGAIN)
        return CBX_WRITE_FAILED;
    cbx_outbound_push(out, frame);
    if (sent > 0)
        consume(out, (size_t)sent);
    return CBX_WRITE_PENDING;
}

cbx_write_t cbx_outbound_write(cbx_outbound_t *out, h2o_socket_t *sock, h2o_socket_cb on_written)
{
    struct iovec iov[IOV_MAX_STRAIGHT];
    cbx_write_t result;

    if (h2o_socket_is_writing(sock))
        return CBX_WRITE_PENDING;
    if (sock->ssl == NULL && (result = straight(out, h2o_socket_get_fd(sock))) != CBX_WRITE_PENDING)
        return result;
    if (out->queue == NULL)
        return CBX_WRITE_DONE;
    out->queue->inflight = pieces(out->queue, iov, IOV_MAX_STRAIGHT, INFLIGHT_BYTES);
    h2o_socket_write(sock, (h2o_iovec_t *)iov, out->queue->inflight, on_written);
    return CBX_WRITE_PENDING;
}

void cbx_outbound_written(cbx_outbound_t *out)
{
    struct cbx_queue *queue = out->queue;
    size_t bytes = 0;

    if (queue == NULL || queue->inflight == 0)
        return;
    for (; queue->inflight != 0; --queue->inflight)
        bytes += queue->frames[queue->head + queue->inflight - 1]->len;
    consume(out, bytes - queue->offset);
}

void cbx_outbound_drop(cbx_outbound_t *out)
{
    struct cbx_queue *queue = out->queue;
    size_t keep;

    if (queue == NULL)
        return;
    keep = queue->inflight != 0 ? queue->inflight : queue->offset != 0;
    while (queue->len > queue->head + keep) {
        queue->bytes -= queue->frames[--queue->len]->len;
        cbx_frame_unref(queue->frames[queue->len]);
    }
    limit_exempt(queue);
    if (queue->len == queue->head)
        free_queue(out);
}

void cbx_outbound_dispose(cbx_outbound_t *out)
{
    struct cbx_queue *queue = out->queue;

    for (; queue != NULL && queue->head != queue->len; ++queue->head)
        cbx_frame_unref(queue->frames[queue->head]);
    free_queue(out);
}
