/* test_pending.c -- http/pending.c: requests that wait, and those that go away before their answer comes. */
#include "unit.h"

#include "http/pending.h"

/* as much of a request as the table knows */
static h2o_req_t *request(void)
{
    h2o_req_t *req = calloc(1, sizeof(*req));

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
    cbx_pending_t *pending = cbx_pending_create();
    h2o_req_t *a = request(), *b = request();
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
    cbx_pending_t *pending = cbx_pending_create();
    h2o_req_t *goes = request(), *stays = request();
    uint64_t gone = cbx_pending_add(pending, goes), here = cbx_pending_add(pending, stays);

    (void)state;
    die(goes);
    assert_null(cbx_pending_take(pending, gone));
    assert_ptr_equal(cbx_pending_take(pending, here), stays);
    cbx_pending_add(pending, stays);
    cbx_pending_free(pending); /* before the request: harmless */
    die(stays);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken_once),
        cmocka_unit_test(test_gone),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
