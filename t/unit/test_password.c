/* test_password.c -- passwords are hashed with a salt, and nobody's hash matches nothing. */
#include "unit.h"

#include "wire/password.h"

static int start(void **state)
{
    (void)state;
    return cbx_password_init() ? 0 : -1;
}

static void a_hash_knows_its_password(void **state)
{
    char hash[CBX_PASSWORD_HASH], again[CBX_PASSWORD_HASH];

    (void)state;
    assert_int_equal(CBX_OK, cbx_password_hash(hash, "correct horse", 13));
    assert_int_equal(CBX_OK, cbx_password_hash(again, "correct horse", 13));
    assert_memory_equal(hash, "$argon2id$v=19$m=65536,t=2,p=1$", 31);
    assert_string_not_equal(hash, again);
    assert_null(strstr(hash, "horse"));
    assert_int_equal(CBX_OK, cbx_password_verify(hash, "correct horse", 13));
    assert_int_equal(CBX_ERR_BAD_CREDENTIALS, cbx_password_verify(hash, "correct horsf", 13));
    assert_int_equal(CBX_ERR_BAD_CREDENTIALS, cbx_password_verify(hash, "correct horse", 12));
    assert_int_equal(CBX_ERR_BAD_CREDENTIALS, cbx_password_verify(hash, "", 0));
}

static void passwords_are_bytes(void **state)
{
    char hash[CBX_PASSWORD_HASH], long_one[CBX_PASSWORD_MAX];

    (void)state;
    assert_int_equal(CBX_OK, cbx_password_hash(hash, "nul\0inside", 10));
    assert_int_equal(CBX_OK, cbx_password_verify(hash, "nul\0inside", 10));
    assert_int_equal(CBX_ERR_BAD_CREDENTIALS, cbx_password_verify(hash, "nul\0insidf", 10));
    memset(long_one, 'p', sizeof(long_one));
    assert_int_equal(CBX_OK, cbx_password_hash(hash, long_one, sizeof(long_one)));
    assert_int_equal(CBX_OK, cbx_password_verify(hash, long_one, sizeof(long_one)));
    long_one[sizeof(long_one) - 1] = 'q';
    assert_int_equal(CBX_ERR_BAD_CREDENTIALS, cbx_password_verify(hash, long_one, sizeof(long_one)));
}

static void nobody_has_no_password(void **state)
{
    static const char *const bad[] = {"", "$argon2id$", "plain", "$argon2id$v=19$m=65536,t=2,p=1$AAAA$BBBB"};

    (void)state;
    assert_int_equal(CBX_ERR_BAD_CREDENTIALS, cbx_password_verify(NULL, "anything", 8));
    assert_int_equal(CBX_ERR_BAD_CREDENTIALS, cbx_password_verify(NULL, "", 0));
    for (size_t i = 0; i < COUNT(bad); ++i)
        assert_int_equal(CBX_ERR_BAD_CREDENTIALS, cbx_password_verify(bad[i], "anything", 8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_knows_its_password),
        cmocka_unit_test(passwords_are_bytes),
        cmocka_unit_test(nobody_has_no_password),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
