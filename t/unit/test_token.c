/* test_token.c -- the session token, and every way we know of to forge one. */
#include "unit.h"

#include <jwt.h>

#include "base/buf.h"
#include "wire/token.h"

#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NOW 1790000000
#define JTI "00112233445566778899aabbccddeeff"

static const cbx_settings_t settings = {.token_secret = SECRET, .token_secret_len = sizeof(SECRET) - 1};

/* one claim of a token to forge; its text is JSON */
#define CLAIMS                                                                                               \
    "\"iss\":\"chatterbox\",\"sub\":\"42\",\"name\":\"ada\",\"iat\":1789999990,\"exp\":1790000010,"          \
    "\"jti\":\"" JTI "\""

static cbx_err_t verify(const char *text, size_t len)
{
    cbx_token_t token;

    return cbx_token_verify(&settings, text, len, NOW, &token);
}

/* signs any JSON with any algorithm and key */
static char *forge(const char *json, jwt_alg_t alg, const char *key)
{
    jwt_t *jwt;
    char *text;

    assert_int_equal(jwt_new(&jwt), 0);
    assert_int_equal(jwt_set_alg(jwt, alg, (const unsigned char *)key, key != NULL ? (int)strlen(key) : 0),
                     0);
    assert_int_equal(jwt_add_grants_json(jwt, json), 0);
    text = jwt_encode_str(jwt);
    assert_non_null(text);
    jwt_free(jwt);
    return text;
}

static cbx_err_t verify_claims(const char *json)
{
    char *text = forge(json, JWT_ALG_HS256, SECRET);
    cbx_err_t err = verify(text, strlen(text));

    free(text);
    return err;
}

static char *good_token(void)
{
    cbx_token_t token = {
        .user_id = 42, .name = "ada", .issued_at = NOW - 10, .expires_at = NOW + 10, .jti = JTI};

    return cbx_token_sign(&settings, &token);
}

static void ids_are_random_hex(void **state)
{
    char one[CBX_JTI_LEN + 1], other[CBX_JTI_LEN + 1];

    (void)state;
    cbx_token_new_id(one);
    cbx_token_new_id(other);
    assert_int_equal(strlen(one), CBX_JTI_LEN);
    assert_int_equal(strspn(one, "0123456789abcdef"), CBX_JTI_LEN);
    assert_string_not_equal(one, other);
}

static void what_was_signed_is_read(void **state)
{
    static const int64_t ids[] = {1, 42, CBX_ID_MAX - 1};
    cbx_token_t token = {.name = "Ada_.-9", .issued_at = NOW, .expires_at = NOW + 604800, .jti = JTI}, read;
    char *text;

    (void)state;
    for (size_t i = 0; i < COUNT(ids); ++i) {
        token.user_id = ids[i];
        text = cbx_token_sign(&settings, &token);
        assert_int_equal(cbx_token_verify(&settings, text, strlen(text), NOW, &read), CBX_OK);
        assert_int_equal(read.user_id, ids[i]);
        assert_string_equal(read.name, token.name);
        assert_string_equal(read.jti, JTI);
        assert_int_equal(read.issued_at, token.issued_at);
        assert_int_equal(read.expires_at, token.expires_at);
        free(text);
    }
}

static void it_ends_when_it_says(void **state)
{
    char *text = good_token();
    cbx_token_t token;

    (void)state;
    assert_int_equal(cbx_token_verify(&settings, text, strlen(text), NOW + 9, &token), CBX_OK);
    assert_int_equal(cbx_token_verify(&settings, text, strlen(text), NOW + 10, &token), CBX_ERR_UNAUTHORIZED);
    assert_int_equal(cbx_token_verify(&settings, text, strlen(text), NOW + 1000, &token),
                     CBX_ERR_UNAUTHORIZED);
    free(text);
}

static void only_hs256_with_our_secret(void **state)
{
    static const struct {
        jwt_alg_t alg;
        const char *key;
    } rows[] = {
        {JWT_ALG_NONE, NULL},    {JWT_ALG_HS384, SECRET},
        {JWT_ALG_HS512, SECRET}, {JWT_ALG_HS256, "another secret of 32 bytes or so"},
        {JWT_ALG_HS256, "0"},
    };
    char *text;

    (void)state;
    assert_int_equal(verify_claims("{" CLAIMS "}"),
                     CBX_OK); /* what is refused below is refused for one reason */
    for (size_t i = 0; i < COUNT(rows); ++i) {
        text = forge("{" CLAIMS "}", rows[i].alg, rows[i].key);
        assert_int_equal(verify(text, strlen(text)), CBX_ERR_UNAUTHORIZED);
        free(text);
    }
}

/* a good token whose header says something else, the signature being as it was, or none */
static void a_header_does_not_choose(void **state)
{
    static const char *const headers[] = {
        "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0",  /* {"alg":"none","typ":"JWT"} */
        "eyJhbGciOiJOb05lIiwidHlwIjoiSldUIn0",  /* {"alg":"NoNe","typ":"JWT"} */
        "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9", /* {"alg":"RS256","typ":"JWT"} */
        "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9", /* {"alg":"ES256","typ":"JWT"} */
        "eyJhbGciOiJIUzM4NCIsInR5cCI6IkpXVCJ9", /* {"alg":"HS384","typ":"JWT"} */
        "eyJ0eXAiOiJKV1QifQ",                   /* {"typ":"JWT"} */
        "W10",                                  /* [] */
        "e30",                                  /* {} */
        "bnVsbA",                               /* null */
        "eyJhbGciOjF9",                         /* {"alg":1} */
        "A",                                    /* nothing */
    };
    char *good = good_token(), *body = strchr(good, '.'), *sig = strrchr(good, '.');
    char text[1024];

    (void)state;
    for (size_t i = 0; i < COUNT(headers); ++i) {
        snprintf(text, sizeof(text), "%s%s", headers[i], body);
        assert_int_equal(verify(text, strlen(text)), CBX_ERR_UNAUTHORIZED);
        snprintf(text, sizeof(text), "%s%.*s.", headers[i], (int)(sig - body), body);
        assert_int_equal(verify(text, strlen(text)), CBX_ERR_UNAUTHORIZED);
        snprintf(text, sizeof(text), "%s%.*s.AA", headers[i], (int)(sig - body), body);
        assert_int_equal(verify(text, strlen(text)), CBX_ERR_UNAUTHORIZED);
    }
    free(good);
}

static void every_claim_has_its_shape(void **state)
{
#define ISS "\"iss\":\"chatterbox\","
#define SUB "\"sub\":\"42\","
#define NAME "\"name\":\"ada\","
#define TIMES "\"iat\":1789999990,\"exp\":1790000010,"
#define ID "\"jti\":\"" JTI "\""
    static const char *const bad[] = {
        "{}",
        "{" SUB NAME TIMES ID "}",
        "{\"iss\":\"other\"," SUB NAME TIMES ID "}",
        "{\"iss\":1," SUB NAME TIMES ID "}",
        "{" ISS NAME TIMES ID "}",
        "{" ISS "\"sub\":42," NAME TIMES ID "}",
        "{" ISS "\"sub\":\"\"," NAME TIMES ID "}",
        "{" ISS "\"sub\":\"0\"," NAME TIMES ID "}",
        "{" ISS "\"sub\":\"-1\"," NAME TIMES ID "}",
        "{" ISS "\"sub\":\"+1\"," NAME TIMES ID "}",
        "{" ISS "\"sub\":\" 1\"," NAME TIMES ID "}",
        "{" ISS "\"sub\":\"042\"," NAME TIMES ID "}",
        "{" ISS "\"sub\":\"42x\"," NAME TIMES ID "}",
        "{" ISS "\"sub\":\"9007199254740992\"," NAME TIMES ID "}",
        "{" ISS "\"sub\":\"99999999999999999999\"," NAME TIMES ID "}",
        "{" ISS SUB TIMES ID "}",
        "{" ISS SUB "\"name\":\"\"," TIMES ID "}",
        "{" ISS SUB "\"name\":\"a b\"," TIMES ID "}",
        "{" ISS SUB "\"name\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"," TIMES ID "}",
        "{" ISS SUB "\"name\":null," TIMES ID "}",
        "{" ISS SUB NAME "\"iat\":1789999990," ID "}",
        "{" ISS SUB NAME "\"exp\":1790000010," ID "}",
        "{" ISS SUB NAME "\"iat\":1789999990,\"exp\":\"1790000010\"," ID "}",
        "{" ISS SUB NAME "\"iat\":1789999990,\"exp\":1790000010.5," ID "}",
        "{" ISS SUB NAME "\"iat\":1789999990,\"exp\":true," ID "}",
        "{" ISS SUB NAME "\"iat\":1789999990,\"exp\":null," ID "}",
        "{" ISS SUB NAME "\"iat\":1789999990,\"exp\":0," ID "}",
        "{" ISS SUB NAME "\"iat\":1789999990,\"exp\":-1," ID "}",
        "{" ISS SUB NAME "\"iat\":1789999990,\"exp\":1790000000," ID "}",
        "{" ISS SUB NAME "\"iat\":\"x\",\"exp\":1790000010," ID "}",
        "{" ISS SUB NAME "\"iat\":1789999990,\"exp\":1790000010}",
        "{" ISS SUB NAME TIMES "\"jti\":\"\"}",
        "{" ISS SUB NAME TIMES "\"jti\":\"00112233445566778899aabbccddeef\"}",
        "{" ISS SUB NAME TIMES "\"jti\":\"00112233445566778899aabbccddeefff\"}",
        "{" ISS SUB NAME TIMES "\"jti\":\"00112233445566778899aabbccddeefg\"}",
        "{" ISS SUB NAME TIMES "\"jti\":7}",
    };

    (void)state;
    assert_int_equal(verify_claims("{" ISS SUB NAME TIMES ID "}"), CBX_OK);
    for (size_t i = 0; i < COUNT(bad); ++i) {
        if (verify_claims(bad[i]) != CBX_ERR_UNAUTHORIZED)
            fail_msg("taken: %s", bad[i]);
    }
}

/* the copy ends where its bytes end, so that a sanitizer sees a byte too far */
static cbx_err_t verify_exactly(const char *text, size_t len)
{
    char *copy = malloc(len != 0 ? len : 1);
    cbx_err_t err;

    memcpy(copy, text, len);
    err = verify(copy, len);
    free(copy);
    return err;
}

static void no_byte_may_be_missing_or_other(void **state)
{
    char *good = good_token();
    size_t len = strlen(good);

    (void)state;
    assert_int_equal(verify_exactly(good, len), CBX_OK);
    for (size_t cut = 0; cut < len; ++cut)
        assert_int_equal(verify_exactly(good, cut), CBX_ERR_UNAUTHORIZED);
    for (size_t from = 1; from < len; ++from)
        assert_int_equal(verify_exactly(good + from, len - from), CBX_ERR_UNAUTHORIZED);
    for (size_t i = 0; i < len; ++i) {
        char was = good[i];

        good[i] = was == 'A' ? 'B' : 'A';
        assert_int_equal(verify_exactly(good, len), CBX_ERR_UNAUTHORIZED);
        good[i] = '\0';
        assert_int_equal(verify_exactly(good, len), CBX_ERR_UNAUTHORIZED);
        good[i] = was;
    }
    free(good);
}

static void garbage_is_no_token(void **state)
{
    static const char *const garbage[] = {
        "",        ".",    "..",          "...",      "a.b.c",       "a.b",
        "a.b.c.d", ".b.c", "a..c",        "a.b.",     "\xff.\xff.x", "a b.c.d",
        "=.=.=",   "null", "e30.e30.e30", "e30.e30.", "+/+.a.b",     "W10.W10.W10"};
    char *good = good_token(), *big;
    cbx_buf_t long_one = {NULL, 0, 0};

    (void)state;
    for (size_t i = 0; i < COUNT(garbage); ++i)
        assert_int_equal(verify_exactly(garbage[i], strlen(garbage[i])), CBX_ERR_UNAUTHORIZED);
    cbx_buf_puts(&long_one, good);
    while (long_one.len <= 5000)
        cbx_buf_puts(&long_one, "A");
    assert_int_equal(verify_exactly(long_one.bytes, long_one.len), CBX_ERR_UNAUTHORIZED);
    cbx_buf_dispose(&long_one);
    big = forge("{" CLAIMS ",\"more\":\"xxxxxxxx\"}", JWT_ALG_HS256, SECRET);
    assert_int_equal(verify_exactly(big, strlen(big)), CBX_OK); /* a claim more does no harm */
    free(big);
    free(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_random_hex),
        cmocka_unit_test(what_was_signed_is_read),
        cmocka_unit_test(it_ends_when_it_says),
        cmocka_unit_test(only_hs256_with_our_secret),
        cmocka_unit_test(a_header_does_not_choose),
        cmocka_unit_test(every_claim_has_its_shape),
        cmocka_unit_test(no_byte_may_be_missing_or_other),
        cmocka_unit_test(garbage_is_no_token),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
