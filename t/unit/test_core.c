/* test_core.c -- the end of the core: it lets go of the database, and who comes late writes nothing into it.
 */
#include "unit.h"

#include "chat/state.h"

#define PATH scratch("core.db")

static uv_loop_t loop;
static cbx_mailbox_t home;
static bool drained;
static cbx_err_t answer;

static void on_drained(void *arg)
{
    (void)arg;
    drained = true;
}

static void on_wake(void *arg)
{
    (void)arg;
}

static void on_home(cbx_command_t *cmd, void *reader)
{
    (void)reader;
    answer = cmd->err;
    cbx_command_free(cmd);
}

/* somebody asks for a name, which is written */
static cbx_err_t ask(cbx_core_t *core, const char *name)
{
    cbx_command_t *cmd = cbx_command_new(CBX_CMD_GUEST);

    snprintf(cmd->account.username, sizeof(cmd->account.username), "%s", name);
    memset(cmd->account.jti, 'a', CBX_JTI_LEN);
    cmd->account.jti[0] = name[0];
    cmd->account.expires_at = INT64_MAX / 2;
    cmd->home = &home;
    cmd->done = on_home;
    assert_int_equal(cbx_core_submit(core, cmd), CBX_OK);
    while (cbx_mailbox_deliver(&home, NULL) == 0)
        uv_run(&loop, UV_RUN_ONCE);
    return answer;
}

static bool another_may_write(void)
{
    char why[256];
    cbx_store_t *store = cbx_store_open(PATH, true, why, sizeof(why));

    cbx_store_close(store);
    return store != NULL;
}

static void it_lets_go_of_the_database(void **state)
{
    cbx_settings_t settings = {.guests = true, .token_lifetime = 1};
    char why[256];
    cbx_store_t *store = cbx_store_open(PATH, true, why, sizeof(why));
    cbx_pool_t *pool = cbx_pool_create(2);
    cbx_readers_t *readers = cbx_readers_create(store, 2);
    cbx_core_t *core;

    (void)state;
    uv_loop_init(&loop);
    cbx_mailbox_init(&home, on_wake, NULL);
    assert_non_null(core = cbx_core_create(&loop, &settings, store, pool, readers));
    assert_int_equal(ask(core, "ada"), CBX_OK);
    assert_false(another_may_write());
    cbx_core_drain(core, on_drained, NULL);
    while (!drained)
        uv_run(&loop, UV_RUN_ONCE);
    assert_true(another_may_write());

    atomic_store(&core->draining, false); /* who looked just before, and posts just after */
    assert_int_equal(ask(core, "bob"), CBX_ERR_DRAINING);
    cbx_pool_free(pool);
    cbx_core_free(core);
    cbx_readers_free(readers);
    cbx_store_close(store);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    cbx_mailbox_dispose(&home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(it_lets_go_of_the_database)};

    return cmocka_run_group_tests(tests, NULL, remove_scratch);
}
