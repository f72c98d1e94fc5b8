/* password.c -- the only door to libsodium. Argon2id with the interactive limits: 64 MB and tens of ms a
 * call.
 *
 * Looking up a name that nobody holds must cost what a wrong password costs, or the answer's time tells who
 * is here. So there is always a hash to check against: one of a random password, made at the start.
 */
#include "wire/password.h"

#include <sodium.h>

#include "base/error.h"

_Static_assert(CBX_PASSWORD_HASH >= crypto_pwhash_argon2id_STRBYTES, "a hash fits");

static char nobodys_hash[CBX_PASSWORD_HASH]; /* written by cbx_password_init, before there are threads */

bool cbx_password_init(void)
{
    unsigned char password[32];

    if (sodium_init() < 0)
        return false;
    randombytes_buf(password, sizeof(password));
    return cbx_password_hash(nobodys_hash, (const char *)password, sizeof(password));
}

bool cbx_password_hash(char hash[CBX_PASSWORD_HASH], const char *password, size_t len)
{
    return crypto_pwhash_argon2id_str(hash, password, len, crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE,
                                      crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE) == 0;
}

bool cbx_password_verify(const char *hash, const char *password, size_t len)
{
    const char *against = hash != NULL ? hash : nobodys_hash;
    bool matches;

    CBX_ASSERT(nobodys_hash[0] != '\0');
    matches = crypto_pwhash_argon2id_str_verify(against, password, len) == 0;
    return matches && hash != NULL;
}

void cbx_password_wipe(void *password, size_t len)
{
    sodium_memzero(password, len);
}
