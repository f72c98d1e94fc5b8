/* password.h -- passwords: Argon2id (RFC 9106) by libsodium, interactive limits. Both take tens of ms and 64
 * MB: pool only. */
#ifndef cbx_wire_password_h
#define cbx_wire_password_h

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define CBX_PASSWORD_MIN 8    /* bytes */
#define CBX_PASSWORD_MAX 256  /* bytes */
#define CBX_PASSWORD_HASH 128 /* bytes of a hash with its NUL (crypto_pwhash_STRBYTES) */

/* call once before the threads start; false when libsodium cannot start, or has no memory */
bool cbx_password_init(void);

/* CBX_ERR_OVERLOADED: there is no memory for it */
cbx_err_t cbx_password_hash(char hash[CBX_PASSWORD_HASH], const char *password, size_t len);

/* CBX_OK: it matches; else CBX_ERR_BAD_CREDENTIALS, or CBX_ERR_OVERLOADED. `hash` NULL (nobody has that name)
 * costs the same time and does not match. */
cbx_err_t cbx_password_verify(const char *hash, const char *password, size_t len);

/* overwrites a password that is no longer needed */
void cbx_password_wipe(void *password, size_t len);

#endif
