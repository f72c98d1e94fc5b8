/* fuzz_token.c -- any bytes as a session token.
 *
 * An input without a line feed is a token as it comes from outside. One with a line feed is a header and its
 * claims: it is made a token and signed with our secret, so that what lies behind the signature is reached
 * too. Held here: what is accepted carries our HMAC-SHA256, computed here by libsodium and not by libjwt,
 * so under no other algorithm; its claims are in shape; and no accepted token stays accepted with a byte of
 * it changed.
 */
#include "fuzz.h"

#include <sodium.h>

#include "wire/names.h"
#include "wire/token.h"

enum { TOKEN_MAX = 8192, TOKEN_NOW = 1790000000, VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

static char token_secret[] =
    "chatterbox-fuzz-secret-0123456789"; /* the seeds in corpus/token are signed with it */

static cbx_settings_t token_settings(void)
{
    return (cbx_settings_t){
        .token_secret = token_secret, .token_secret_len = sizeof(token_secret) - 1, .token_lifetime = 604800};
}

static void hmac(const char *text, size_t len, unsigned char mac[32])
{
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, (const unsigned char *)token_secret, sizeof(token_secret) - 1);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, len);
    crypto_auth_hmacsha256_final(&state, mac);
}

/* behind text[0..len): what it holds in base64 */
static size_t add_base64(char *text, size_t len, const void *bytes, size_t n)
{
    sodium_bin2base64(text + len, TOKEN_MAX - len, bytes, n, VARIANT);
    return strlen(text);
}

/* header, line feed, claims -> a token with a good signature; its length, 0 when there is too much of it */
static size_t sign(const uint8_t *data, size_t size, char text[TOKEN_MAX])
{
    const uint8_t *claims = memchr(data, '\n', size);
    size_t head = (size_t)(claims - data), len;
    unsigned char mac[32];

    if (size > 4096)
        return 0;
    len = add_base64(text, 0, data, head);
    text[len++] = '.';
    len = add_base64(text, len, claims + 1, size - head - 1);
    hmac(text, len, mac);
    text[len++] = '.';
    return add_base64(text, len, mac, sizeof(mac));
}

static void must_be_ours(const char *text, size_t len)
{
    const char *end = memrchr(text, '.', len);
    unsigned char mac[32], theirs[32];
    size_t n;

    MUST(end != NULL);
    hmac(text, (size_t)(end - text), mac);
    MUST(sodium_base642bin(theirs, sizeof(theirs), end + 1, len - (size_t)(end + 1 - text), NULL, &n, NULL,
                           VARIANT) == 0);
    MUST(n == sizeof(mac) && memcmp(mac, theirs, sizeof(mac)) == 0);
}

static void must_be_in_shape(const cbx_token_t *token)
{
    MUST(token->user_id > 0 && token->user_id < CBX_ID_MAX);
    MUST(memchr(token->name, '\0', sizeof(token->name)) != NULL);
    MUST(cbx_username_valid(token->name, strlen(token->name)));
    MUST(token->expires_at > TOKEN_NOW);
    MUST(strlen(token->jti) == CBX_JTI_LEN && strspn(token->jti, "0123456789abcdef") == CBX_JTI_LEN);
}

static void must_not_bend(const char *text, size_t len)
{
    cbx_settings_t settings = token_settings();
    cbx_token_t token;

    for (size_t i = 0; i != len; ++i) {
        char *bent = memcpy(malloc(len), text, len);
        bent[i] ^= i % 2 == 0 ? 0x01 : 0x20;
        MUST(cbx_token_verify(&settings, bent, len, TOKEN_NOW, &token) == CBX_ERR_UNAUTHORIZED);
        free(bent);
    }
}

/* what was verified and is signed again is verified, with the same claims */
static void must_sign_again(const cbx_token_t *token)
{
    cbx_settings_t settings = token_settings();
    char *text = cbx_token_sign(&settings, token);
    cbx_token_t again;

    MUST(text != NULL);
    MUST(cbx_token_verify(&settings, text, strlen(text), TOKEN_NOW, &again) == CBX_OK);
    MUST(again.user_id == token->user_id && strcmp(again.name, token->name) == 0 &&
         strcmp(again.jti, token->jti) == 0);
    MUST(again.issued_at == token->issued_at && again.expires_at == token->expires_at);
    free(text);
}

static void verify(const char *text, size_t len)
{
    cbx_settings_t settings = token_settings();
    cbx_token_t token;
    cbx_err_t err = cbx_token_verify(&settings, text, len, TOKEN_NOW, &token);

    MUST(err == CBX_OK || err == CBX_ERR_UNAUTHORIZED);
    if (err != CBX_OK)
        return;
    must_be_ours(text, len);
    must_be_in_shape(&token);
    must_not_bend(text, len);
    must_sign_again(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TOKEN_MAX];
    size_t len;

    if (memchr(data, '\n', size) == NULL)
        verify((const char *)data, size);
    else if ((len = sign(data, size, text)) != 0)
        verify(text, len);
    return 0;
}
