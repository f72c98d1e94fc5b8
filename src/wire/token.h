/* token.h -- the session token: a JWT (RFC 7519), HS256 and nothing else (RFC 8725 section 3.1), by libjwt.
 */
#ifndef cbx_wire_token_h
#define cbx_wire_token_h

#include "base/error.h"
#include "base/settings.h"
#include "wire/types.h"

typedef struct cbx_token {
    int64_t user_id;               /* sub */
    char name[CBX_NAME_MAX + 1];   /* name */
    int64_t issued_at, expires_at; /* iat, exp: s since the epoch */
    char jti[CBX_JTI_LEN + 1];     /* hex */
} cbx_token_t;

/* gives a copy of a key that is read-only and in no core dump, for as long as the process lives;
 * cbx_password_init must have been called. Main thread. */
char *cbx_token_keep_key(const char *key, size_t len);

/* fills `jti` with 128 random bits in hex; any thread */
void cbx_token_new_id(char jti[CBX_JTI_LEN + 1]);

/* the bytes that an id writes in hex, where half the room matters; and back */
void cbx_token_pack_id(uint8_t packed[CBX_JTI_LEN / 2], const char *jti);
void cbx_token_unpack_id(char jti[CBX_JTI_LEN + 1], const uint8_t packed[CBX_JTI_LEN / 2]);

/* gives the token as text (malloc'ed), signed with the settings' secret; any thread */
char *cbx_token_sign(const cbx_settings_t *settings, const cbx_token_t *token);

/* checks signature, algorithm (HS256 only), issuer, that exp is there and ahead of `now` (s), and the shape
 * of every claim; CBX_ERR_UNAUTHORIZED for whatever is wrong. `text` need not be terminated. Whether the
 * session was logged out, the store knows. Any thread. */
cbx_err_t cbx_token_verify(const cbx_settings_t *settings, const char *text, size_t len, int64_t now,
                           cbx_token_t *token);

#endif
