/* test_outbound.c -- order, bound and bytes of what waits, over a real socket that takes little. */
#include "unit.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "live/outbound.h"
#include "live/uring.h"

struct pair {
    h2o_evloop_t *loop;
    h2o_socket_t *sock;
    int peer;
    cbx_outbound_t out;
};

static int set_up(void **state)
{
    struct pair *p = calloc(1, sizeof(*p));
    int fds[2], small = 4096;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    p->loop = h2o_evloop_create();
    p->sock = h2o_evloop_socket_create(p->loop, fds[0], 0);
    p->sock->data = p;
    p->peer = fds[1];
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *p = *state;

    h2o_socket_close(p->sock);
    cbx_outbound_dispose(&p->out);
    close(p->peer);
    h2o_evloop_run(p->loop, 0);
    h2o_evloop_destroy(p->loop);
    free(p);
    return 0;
}

static void push(struct pair *p, size_t len, int fill, void (*how)(cbx_outbound_t *, cbx_frame_t *))
{
    cbx_frame_t *frame = cbx_frame_alloc(len);

    memset(frame->bytes, fill, len);
    how(&p->out, frame);
    cbx_frame_unref(frame);
}

static void on_written(h2o_socket_t *sock, const char *err)
{
    struct pair *p = sock->data;

    assert_null(err);
    cbx_outbound_written(&p->out);
}

/* reads what is there; returns how many bytes, all of which must be `fill` for as long as `until` lasts */
static size_t read_some(struct pair *p, char *buf, size_t size)
{
    ssize_t n = recv(p->peer, buf, size, MSG_DONTWAIT);

    return n > 0 ? (size_t)n : 0;
}

static void test_what_was_not_sent_waits(void **state)
{
    struct pair *p = *state;
    cbx_frame_t *frame = cbx_frame_text("hi", 2);
    char buf[16];

    assert_int_equal(cbx_outbound_sent(&p->out, frame, 4), CBX_WRITE_DONE);
    assert_int_equal(cbx_outbound_bytes(&p->out), 0);
    assert_int_equal(cbx_outbound_sent(&p->out, frame, -EPIPE), CBX_WRITE_FAILED);
    assert_int_equal(cbx_outbound_sent(&p->out, frame, 3), CBX_WRITE_PENDING);
    assert_int_equal(cbx_outbound_bytes(&p->out), 1);
    assert_int_equal(cbx_outbound_write(&p->out, p->sock, on_written), CBX_WRITE_DONE);
    assert_int_equal(cbx_outbound_sent(&p->out, frame, -EAGAIN), CBX_WRITE_PENDING);
    assert_int_equal(cbx_outbound_write(&p->out, p->sock, on_written), CBX_WRITE_DONE);
    cbx_frame_unref(frame);
    assert_int_equal(read_some(p, buf, sizeof(buf)), 5);
    assert_memory_equal(buf, "i\x81\x02hi", 5);
}

/* many sends in one submission, and the same without a ring; some of the sockets take no more, or are gone */
static void test_many_at_once(void **state)
{
    enum { SOCKETS = 12, EACH = 100, MANY = SOCKETS * EACH, FULL = 7, DEAD = 600 };
    static cbx_sending_t list[MANY];
    static char much[1 << 20];
    int fds[SOCKETS + 2][2];
    char buf[4 * EACH];
    cbx_uring_t *rings[] = {NULL, cbx_uring_create()};

    (void)state;
    for (int i = 0; i != SOCKETS + 2; ++i)
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]), 0);
    while (send(fds[SOCKETS][0], much, sizeof(much), MSG_DONTWAIT) > 0)
        ;
    shutdown(fds[SOCKETS + 1][0], SHUT_RDWR);
    for (size_t i = 0; i != COUNT(rings); ++i) {
        for (int k = 0; k != MANY; ++k)
            list[k] = (cbx_sending_t){fds[k % SOCKETS][0], "ab", 2, 99};
        list[FULL].fd = fds[SOCKETS][0];
        list[DEAD].fd = fds[SOCKETS + 1][0];
        cbx_uring_send(rings[i], list, MANY);
        for (int k = 0; k != MANY; ++k)
            assert_int_equal(list[k].sent, k == FULL ? -EAGAIN : k == DEAD ? -EPIPE : 2);
        for (int k = 0; k != SOCKETS; ++k)
            assert_int_equal(recv(fds[k][1], buf, sizeof(buf), MSG_DONTWAIT),
                             2 * (EACH - (k == FULL % SOCKETS) - (k == DEAD % SOCKETS)));
        cbx_uring_free(rings[i]);
    }
    for (int i = 0; i != SOCKETS + 2; ++i) {
        close(fds[i][0]);
        close(fds[i][1]);
    }
}

static void test_everything_arrives_in_order(void **state)
{
    struct pair *p = *state;
    char *got = malloc(300 * 1000);
    size_t n = 0;

    for (int i = 0; i != 300; ++i) /* more than one sendmsg takes, and more than the socket takes */
        push(p, 1000, 'a' + i % 26, cbx_outbound_push);
    assert_int_equal(cbx_outbound_bytes(&p->out), 300000);
    for (int turn = 0; n != 300000 && turn != 100000; ++turn) {
        assert_int_not_equal(cbx_outbound_write(&p->out, p->sock, on_written), CBX_WRITE_FAILED);
        n += read_some(p, got + n, 300000 - n);
        h2o_evloop_run(p->loop, 0);
    }
    assert_int_equal(n, 300000);
    for (size_t i = 0; i != n; ++i)
        assert_int_equal(got[i], 'a' + i / 1000 % 26);
    assert_int_equal(cbx_outbound_bytes(&p->out), 0);
    free(got);
}

static void test_drop_keeps_the_frame_that_has_begun(void **state)
{
    struct pair *p = *state;
    char *got = malloc(400000);
    size_t n = 0;

    push(p, 200000, 'a', cbx_outbound_push);
    assert_int_equal(cbx_outbound_write(&p->out, p->sock, on_written), CBX_WRITE_PENDING);
    push(p, 1000, 'b', cbx_outbound_push);
    push(p, 1000, 'c', cbx_outbound_push);
    cbx_outbound_drop(&p->out);
    push(p, 4, 'd', cbx_outbound_push);
    for (int turn = 0; n < 200004 && turn != 100000; ++turn) {
        cbx_outbound_write(&p->out, p->sock, on_written);
        n += read_some(p, got + n, 400000 - n);
        h2o_evloop_run(p->loop, 0);
    }
    assert_int_equal(n, 200004);
    assert_int_equal(got[199999], 'a');
    assert_memory_equal(got + 200000, "dddd", 4);
    free(got);
}

static void test_answers_that_were_asked_for_do_not_count(void **state)
{
    struct pair *p = *state;

    push(p, 5000, 'h', cbx_outbound_push_exempt);
    assert_int_equal(cbx_outbound_waiting(&p->out), 0);
    push(p, 10, 'm', cbx_outbound_push);
    assert_int_equal(cbx_outbound_waiting(&p->out), 10);
    cbx_outbound_drop(&p->out);
    assert_int_equal(cbx_outbound_bytes(&p->out), 0);
    assert_int_equal(cbx_outbound_waiting(&p->out), 0);
}

static void test_a_closed_peer_is_a_failure(void **state)
{
    struct pair *p = *state;

    shutdown(p->peer, SHUT_RDWR);
    push(p, 10, 'x', cbx_outbound_push);
    assert_int_equal(cbx_outbound_write(&p->out, p->sock, on_written), CBX_WRITE_FAILED);
}

#define PAIRED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIRED(test_what_was_not_sent_waits),
        PAIRED(test_many_at_once),
        PAIRED(test_everything_arrives_in_order),
        PAIRED(test_drop_keeps_the_frame_that_has_begun),
        PAIRED(test_answers_that_were_asked_for_do_not_count),
        PAIRED(test_a_closed_peer_is_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
