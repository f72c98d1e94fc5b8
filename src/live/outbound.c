/* outbound.c -- references in order, one write at a time. */
#include "live/outbound.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"

enum {
    IOV_MAX_STRAIGHT = 64, /* frames for one sendmsg: a turn's private frames and runs, with room to spare */
    INFLIGHT_BYTES =
        131072, /* given to H2O at once: what cannot be taken back when the connection turns out slow */
};

void cbx_outbound_push(cbx_outbound_t *out, cbx_frame_t *frame)
{
    if (out->head == out->len)
        out->head = out->len = 0;
    if (out->len == out->cap && out->head > out->cap / 2) {
        memmove(out->frames, out->frames + out->head, sizeof(*out->frames) * (out->len - out->head));
        out->len -= out->head;
        out->head = 0;
    }
    if (out->len == out->cap) {
        out->cap = out->cap == 0 ? 4 : out->cap * 2;
        out->frames = cbx_realloc(out->frames, sizeof(*out->frames) * out->cap);
    }
    out->frames[out->len++] = cbx_frame_ref(frame);
    out->bytes += frame->len;
}

void cbx_outbound_push_exempt(cbx_outbound_t *out, cbx_frame_t *frame)
{
    cbx_outbound_push(out, frame);
    out->exempt += frame->len;
}

size_t cbx_outbound_waiting(const cbx_outbound_t *out)
{
    return out->bytes - out->exempt;
}

/* `n` bytes from the front are gone */
static void consume(cbx_outbound_t *out, size_t n)
{
    out->bytes -= n;
    if (out->exempt > out->bytes)
        out->exempt =
            out->bytes; /* which of them went first is not worth a list: this errs on the patient side */
    out->sent += n;
    for (n += out->offset; out->head != out->len && n >= out->frames[out->head]->len; ++out->head) {
        n -= out->frames[out->head]->len;
        cbx_frame_unref(out->frames[out->head]);
    }
    out->offset = n;
    if (out->head == out->len) {
        CBX_ASSERT(out->offset == 0 && out->bytes == 0);
        free(out->frames); /* nothing waits for most connections most of the time */
        out->frames = NULL;
        out->head = out->len = out->cap = 0;
    }
}

/* the frames at the front as a list of pieces, at most `max` and, but for the first, `limit` bytes */
static size_t pieces(const cbx_outbound_t *out, struct iovec *iov, size_t max, size_t limit, size_t *bytes)
{
    size_t n = 0, skip = out->offset;

    *bytes = 0;
    for (size_t i = out->head; i != out->len && n != max && (n == 0 || *bytes + out->frames[i]->len <= limit);
         ++i) {
        iov[n].iov_base = out->frames[i]->bytes + skip;
        iov[n].iov_len = out->frames[i]->len - skip;
        *bytes += iov[n++].iov_len;
        skip = 0;
    }
    return n;
}

static cbx_write_t straight(cbx_outbound_t *out, int fd)
{
    struct iovec iov[IOV_MAX_STRAIGHT];
    ssize_t sent;
    size_t bytes;

    while (out->head != out->len) {
        struct msghdr msg = {.msg_iov = iov,
                             .msg_iovlen = pieces(out, iov, IOV_MAX_STRAIGHT, SIZE_MAX, &bytes)};
        while ((sent = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL)) == -1 && errno == EINTR)
            ;
        if (sent == -1)
            return errno == EAGAIN ? CBX_WRITE_PENDING : CBX_WRITE_FAILED;
        consume(out, (size_t)sent);
    }
    return CBX_WRITE_DONE;
}

cbx_write_t cbx_outbound_send(cbx_outbound_t *out, h2o_socket_t *sock, cbx_frame_t *frame)
{
    ssize_t sent;

    CBX_ASSERT(out->bytes == 0 && sock->ssl == NULL);
    while ((sent = send(h2o_socket_get_fd(sock), frame->bytes, frame->len, MSG_DONTWAIT | MSG_NOSIGNAL)) ==
               -1 &&
           errno == EINTR)
        ;
    if (sent == (ssize_t)frame->len)
        return CBX_WRITE_DONE;
    if (sent == -1 && errno != EAGAIN)
        return CBX_WRITE_FAILED;
    cbx_outbound_push(out, frame);
    if (sent > 0)
        consume(out, (size_t)sent);
    return CBX_WRITE_PENDING;
}

cbx_write_t cbx_outbound_write(cbx_outbound_t *out, h2o_socket_t *sock, h2o_socket_cb on_written)
{
    struct iovec iov[IOV_MAX_STRAIGHT];
    size_t bytes;
    cbx_write_t result;

    if (h2o_socket_is_writing(sock))
        return CBX_WRITE_PENDING;
    if (sock->ssl == NULL && (result = straight(out, h2o_socket_get_fd(sock))) != CBX_WRITE_PENDING)
        return result;
    if (out->head == out->len)
        return CBX_WRITE_DONE;
    out->inflight = pieces(out, iov, IOV_MAX_STRAIGHT, INFLIGHT_BYTES, &bytes);
    h2o_socket_write(sock, (h2o_iovec_t *)iov, out->inflight, on_written);
    return CBX_WRITE_PENDING;
}

void cbx_outbound_written(cbx_outbound_t *out)
{
    size_t bytes = 0;

    for (size_t i = 0; i != out->inflight; ++i)
        bytes += out->frames[out->head + i]->len;
    if (out->inflight != 0)
        consume(out, bytes - out->offset);
    out->inflight = 0;
}

void cbx_outbound_drop(cbx_outbound_t *out)
{
    size_t keep = out->inflight != 0 ? out->inflight : out->offset != 0;

    while (out->len > out->head + keep) {
        out->bytes -= out->frames[--out->len]->len;
        cbx_frame_unref(out->frames[out->len]);
    }
    if (out->exempt > out->bytes)
        out->exempt = out->bytes;
}

void cbx_outbound_dispose(cbx_outbound_t *out)
{
    for (; out->head != out->len; ++out->head)
        cbx_frame_unref(out->frames[out->head]);
    free(out->frames);
    memset(out, 0, sizeof(*out));
}
