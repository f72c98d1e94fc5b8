/* token.c -- the only door to libjwt.
 *
 * libjwt takes the algorithm from the header that the client wrote, so what it calls verified may be signed
 * another way, or (when it runs out of memory in the wrong place) not at all: nothing of a token is believed
 * before jwt_get_alg says HS256 and the header says what ours does, and no more. It is only given what looks
 * like a token: three parts of base64url, none empty.
 */
#include "wire/token.h"

#include <errno.h>
#include <inttypes.h>
#include <jwt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"
#include "wire/names.h"

#define ISSUER "chatterbox"
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}" /* what libjwt writes, its fields in order */
#define TOKEN_MAX 4096                               /* bytes; ours have about 300 */

char *cbx_token_keep_key(const char *key, size_t len)
{
    char *kept = sodium_malloc(len);

    CBX_ASSERT(kept != NULL);
    memcpy(kept, key, len);
    sodium_mprotect_readonly(kept);
    return kept;
}

void cbx_token_new_id(char jti[CBX_JTI_LEN + 1])
{
    uint8_t random[CBX_JTI_LEN / 2];
    ssize_t got = getrandom(random, sizeof(random), 0); /* so few bytes come at once, or never */

    CBX_ASSERT(got == (ssize_t)sizeof(random));
    cbx_token_unpack_id(jti, random);
    sodium_memzero(random, sizeof(random)); /* two ids make a key */
}

void cbx_token_pack_id(uint8_t packed[CBX_JTI_LEN / 2], const char *jti)
{
    int result = sodium_hex2bin(packed, CBX_JTI_LEN / 2, jti, CBX_JTI_LEN, NULL, NULL, NULL);

    CBX_ASSERT(result == 0); /* a token with another id is not verified */
}

void cbx_token_unpack_id(char jti[CBX_JTI_LEN + 1], const uint8_t packed[CBX_JTI_LEN / 2])
{
    sodium_bin2hex(jti, CBX_JTI_LEN + 1, packed, CBX_JTI_LEN / 2);
}

char *cbx_token_sign(const cbx_settings_t *settings, const cbx_token_t *token)
{
    const unsigned char *key = (const unsigned char *)settings->token_secret;
    char sub[24], *text = NULL;
    jwt_t *jwt = NULL;

    snprintf(sub, sizeof(sub), "%" PRId64, token->user_id);
    if (jwt_new(&jwt) == 0 && jwt_set_alg(jwt, JWT_ALG_HS256, key, (int)settings->token_secret_len) == 0 &&
        jwt_add_grant(jwt, "iss", ISSUER) == 0 && jwt_add_grant(jwt, "sub", sub) == 0 &&
        jwt_add_grant(jwt, "name", token->name) == 0 && jwt_add_grant(jwt, "jti", token->jti) == 0 &&
        jwt_add_grant_int(jwt, "iat", token->issued_at) == 0 &&
        jwt_add_grant_int(jwt, "exp", token->expires_at) == 0)
        text = jwt_encode_str(jwt);
    jwt_free(jwt);
    CBX_ASSERT(text != NULL); /* settings and claims are ours; otherwise there is no memory */
    return text;
}

static bool is_base64url(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool looks_like_token(const char *text, size_t len)
{
    unsigned dots = 0;
    size_t part = 0;

    for (size_t i = 0; i < len; ++i) {
        if (text[i] == '.') {
            if (part == 0 || ++dots > 2)
                return false;
            part = 0;
        } else if (is_base64url(text[i])) {
            ++part;
        } else {
            return false;
        }
    }
    return dots == 2 && part != 0;
}

/* 1 to 2^53-1 in decimal, written the one way: no sign, no zero in front */
static bool read_id(const char *text, int64_t *id)
{
    size_t digits = text != NULL ? strspn(text, "0123456789") : 0;

    if (digits == 0 || digits > 16 || text[digits] != '\0' || text[0] == '0')
        return false;
    *id = strtoll(text, NULL, 10);
    return *id < CBX_ID_MAX;
}

static bool read_name(const char *text, char name[CBX_NAME_MAX + 1])
{
    size_t len = text != NULL ? strlen(text) : 0;

    if (!cbx_username_valid(text, len))
        return false;
    memcpy(name, text, len + 1); /* NOLINT(clang-analyzer-core.NonNullParamChecker): no name is not valid */
    return true;
}

static bool read_jti(const char *text, char jti[CBX_JTI_LEN + 1])
{
    if (text == NULL || strlen(text) != CBX_JTI_LEN || strspn(text, "0123456789abcdef") != CBX_JTI_LEN)
        return false;
    memcpy(jti, text, CBX_JTI_LEN + 1);
    return true;
}

/* ours have none; one that is there must be past (RFC 7519 section 4.1.5) */
static bool has_begun(jwt_t *jwt, int64_t now)
{
    int64_t begins = jwt_get_grant_int(jwt, "nbf");

    return errno == ENOENT || (begins > 0 && begins <= now);
}

/* what is missing or no whole number reads as 0 or -1. When it was made is not held against the clock, which
 * may have been set back. */
static bool read_times(jwt_t *jwt, int64_t now, cbx_token_t *token)
{
    token->issued_at = jwt_get_grant_int(jwt, "iat");
    token->expires_at = jwt_get_grant_int(jwt, "exp");
    return token->issued_at > 0 && token->expires_at > now && token->expires_at > 0 && has_begun(jwt, now);
}

/* A header with more in it (a key to be fetched, something critical that we do not know, another type) was
 * made for somebody else, though it be signed with our secret (RFC 8725 sections 3.10 and 3.11). */
static bool has_our_header(jwt_t *jwt)
{
    char *header = jwt_get_headers_json(jwt, NULL); /* sorted */
    bool ours = header != NULL && strcmp(header, HEADER) == 0;

    free(header);
    return ours;
}

static bool read_claims(jwt_t *jwt, int64_t now, cbx_token_t *token)
{
    const char *issuer = jwt_get_grant(jwt, "iss");

    return issuer != NULL && strcmp(issuer, ISSUER) == 0 && read_times(jwt, now, token) &&
           read_id(jwt_get_grant(jwt, "sub"), &token->user_id) &&
           read_name(jwt_get_grant(jwt, "name"), token->name) &&
           read_jti(jwt_get_grant(jwt, "jti"), token->jti);
}

static jwt_t *decode(const cbx_settings_t *settings, const char *text, size_t len)
{
    const unsigned char *key = (const unsigned char *)settings->token_secret;
    char *copy = cbx_memdup(text, len);
    jwt_t *jwt = NULL;

    if (jwt_decode(&jwt, copy, key, (int)settings->token_secret_len) != 0)
        jwt = NULL;
    free(copy);
    return jwt;
}

cbx_err_t cbx_token_verify(const cbx_settings_t *settings, const char *text, size_t len, int64_t now,
                           cbx_token_t *token)
{
    cbx_token_t read = {0};
    jwt_t *jwt;
    bool good;

    if (len > TOKEN_MAX || !looks_like_token(text, len) || (jwt = decode(settings, text, len)) == NULL)
        return CBX_ERR_UNAUTHORIZED;
    good = jwt_get_alg(jwt) == JWT_ALG_HS256 && has_our_header(jwt) && read_claims(jwt, now, &read);
    jwt_free(jwt);
    if (!good)
        return CBX_ERR_UNAUTHORIZED;
    *token = read;
    return CBX_OK;
}
