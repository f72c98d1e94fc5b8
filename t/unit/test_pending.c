/* test_pending.c -- http/pending.c: requests that wait, and those that go away before their answer comes. */
#include "unit.h"

#include "http/pending.h"

static unsigned cuts;

/* asked for when a connection is to be cut */
static h2o_socket_t *no_socket(h2o_conn_t *conn)
{
    (void)conn;
    ++cuts;
    return NULL;
}

static const h2o_conn_callbacks_t callbacks = {.get_socket = no_socket};

/* as much of a request as the table knows */
static h2o_req_t *request(h2o_conn_t *conn)
{
    h2o_req_t *req = calloc(1, sizeof(*req));

    req->conn = conn;
    h2o_mem_init_pool(&req->pool);
    return req;
}

static void die(h2o_req_t *req)
{
    h2o_mem_clear_pool(&req->pool);
    free(req);
}

static void test_taken_once(void **state)
{
    h2o_conn_t conn = {.id = 1, .callbacks = &callbacks};
    cbx_pending_t *pending = cbx_pending_create();
    h2o_req_t *a = request(&conn), *b = request(&conn);
    uint64_t first = cbx_pending_add(pending, a), second = cbx_pending_add(pending, b);

    (void)state;
    assert_true(first != 0 && second != 0 && first != second);
    assert_null(cbx_pending_take(pending, 0));
    assert_ptr_equal(cbx_pending_take(pending, second), b);
    assert_null(cbx_pending_take(pending, second));
    assert_ptr_equal(cbx_pending_take(pending, first), a);
    first = cbx_pending_add(pending, a); /* the next step of a flow */
    assert_ptr_equal(cbx_pending_take(pending, first), a);
    die(a);
    die(b);
    cbx_pending_free(pending);
}

static void test_gone(void **state)
{
    h2o_conn_t conn = {.id = 1, .callbacks = &callbacks};
    cbx_pending_t *pending = cbx_pending_create();
    h2o_req_t *goes = request(&conn), *stays = request(&conn);
    uint64_t gone = cbx_pending_add(pending, goes), here = cbx_pending_add(pending, stays);

    (void)state;
    die(goes);
    assert_null(cbx_pending_take(pending, gone));
    assert_ptr_equal(cbx_pending_take(pending, here), stays);
    cbx_pending_add(pending, stays);
    cbx_pending_free(pending); /* before the request: harmless */
    die(stays);
}

static void give_up(cbx_pending_t *pending, h2o_conn_t *conn, int times)
{
    for (int i = 0; i != times; ++i) {
        h2o_req_t *req = request(conn);
        cbx_pending_add(pending, req);
        die(req);
    }
}

static void test_cut(void **state)
{
    h2o_conn_t rude = {.id = 7, .callbacks = &callbacks}, other = {.id = 8, .callbacks = &callbacks};
    cbx_pending_t *pending = cbx_pending_create();

    (void)state;
    cuts = 0;
    give_up(pending, &rude, 199);
    give_up(pending, &other, 199);
    assert_int_equal(cuts, 0);
    for (int i = 0; i != 300; ++i) { /* answered: those do not count */
        h2o_req_t *req = request(&other);
        assert_non_null(cbx_pending_take(pending, cbx_pending_add(pending, req)));
        die(req);
    }
    assert_int_equal(cuts, 0);
    give_up(pending, &rude, 1);
    assert_int_equal(cuts, 1);
    give_up(pending, &rude, 50);
    assert_int_equal(cuts, 1);
    cbx_pending_free(pending);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken_once),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_cut),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
