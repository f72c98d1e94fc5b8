/* test_error.c -- the vocabulary of errors: complete, unambiguous, and what protocol.md lists. */
#include "unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/error.h"

static void every_error_has_a_row(void **state)
{
    (void)state;
    for (int err = CBX_OK + 1; err < CBX_ERR_COUNT; ++err) {
        assert_non_null(cbx_err_code((cbx_err_t)err));
        assert_true(cbx_err_code((cbx_err_t)err)[0] != '\0');
        assert_true(cbx_err_title((cbx_err_t)err)[0] != '\0');
        assert_in_range(cbx_err_status((cbx_err_t)err), 400, 599);
        for (int other = CBX_OK + 1; other < err; ++other)
            assert_string_not_equal(cbx_err_code((cbx_err_t)err), cbx_err_code((cbx_err_t)other));
    }
}

static void the_codes_are_those_of_the_protocol(void **state)
{
    static const char *const codes[] = {
        "bad_json",        "bad_frame",       "unknown_type", "too_long",
        "empty",           "bad_name",        "name_taken",   "weak_password",
        "bad_credentials", "unauthorized",    "bad_origin",   "forbidden",
        "not_found",       "already_deleted", "rate_limited", "storage_unavailable",
        "draining",        "overloaded",      "too_large",    "conflict",
        "internal"};

    (void)state;
    assert_int_equal(COUNT(codes), CBX_ERR_COUNT - 1);
    for (size_t i = 0; i < COUNT(codes); ++i)
        assert_string_equal(cbx_err_code((cbx_err_t)(i + 1)), codes[i]);
    assert_int_equal(cbx_err_status(CBX_ERR_RATE_LIMITED), 429);
    assert_int_equal(cbx_err_status(CBX_ERR_STORAGE_UNAVAILABLE), 503);
}

/* the child's stderr goes to a pipe; a broken invariant must abort and name its place */
static void a_broken_invariant_aborts(void **state)
{
    char said[256] = "";
    int fds[2], status;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(fds), 0);
    if ((pid = fork()) == 0) {
        dup2(fds[1], 2);
        signal(SIGABRT, SIG_DFL);
        CBX_ASSERT(1 + 1 == 3);
        _exit(0);
    }
    close(fds[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(read(fds[0], said, sizeof(said) - 1) > 0);
    close(fds[0]);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(said, "1 + 1 == 3"));
    assert_non_null(strstr(said, "test_error.c"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_row),
        cmocka_unit_test(the_codes_are_those_of_the_protocol),
        cmocka_unit_test(a_broken_invariant_aborts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
