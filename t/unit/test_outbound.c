/* test_outbound.c -- order, bound and bytes of what waits, over a real socket that takes little. */
#include "unit.h"

#include <sys/socket.h>
#include <unistd.h>

#include "live/outbound.h"

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

static void test_small_goes_at_once(void **state)
{
    struct pair *p = *state;
    cbx_frame_t *frame = cbx_frame_text("hi", 2);
    char buf[16];

    assert_int_equal(cbx_outbound_send(&p->out, p->sock, frame), CBX_WRITE_DONE);
    cbx_frame_unref(frame);
    assert_int_equal(read_some(p, buf, sizeof(buf)), 4);
    assert_memory_equal(buf, "\x81\x02hi", 4);
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
        PAIRED(test_small_goes_at_once),
        PAIRED(test_everything_arrives_in_order),
        PAIRED(test_drop_keeps_the_frame_that_has_begun),
        PAIRED(test_answers_that_were_asked_for_do_not_count),
        PAIRED(test_a_closed_peer_is_a_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
