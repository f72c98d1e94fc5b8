/* password.c -- the only door to libsodium. Argon2id with the interactive limits: 64 MB and tens of ms a
 * call.
 *
 * Looking up a name that nobody holds must cost what a wrong password costs, or the answer's time tells who
 * is here. So there is always a hash to check against: one of a random password, made at the start.
 */
#include "wire/password.h"

#include <errno.h>
#include <sodium.h>

#include "base/memory.h"

#define MEMORY crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE

_Static_assert(CBX_PASSWORD_HASH >= crypto_pwhash_argon2id_STRBYTES, "a hash fits");

static char nobodys_hash[CBX_PASSWORD_HASH]; /* written by cbx_password_init, before there are threads */

static cbx_err_t make_hash(char hash[CBX_PASSWORD_HASH], const char *password, size_t len)
{
    return crypto_pwhash_argon2id_str(hash, password, len, crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE,
                                      MEMORY) == 0
               ? CBX_OK
               : CBX_ERR_OVERLOADED;
}

bool cbx_password_init(void)
{
    unsigned char password[32];

    if (sodium_init() < 0)
        return false;
    randombytes_buf(password, sizeof(password));
    return make_hash(nobodys_hash, (const char *)password, sizeof(password)) == CBX_OK;
}

cbx_err_t cbx_password_hash(char hash[CBX_PASSWORD_HASH], const char *password, size_t len)
{
    cbx_err_t err;

    if (!cbx_memory_borrow(MEMORY))
        return CBX_ERR_OVERLOADED;
    err = make_hash(hash, password, len);
    cbx_memory_return(MEMORY);
    return err;
}

/* libsodium says by errno which of the two it was */
static cbx_err_t check(const char *hash, const char *password, size_t len)
{
    errno = 0;
    if (crypto_pwhash_argon2id_str_verify(hash, password, len) == 0)
        return CBX_OK;
    return errno == ENOMEM ? CBX_ERR_OVERLOADED : CBX_ERR_BAD_CREDENTIALS;
}

cbx_err_t cbx_password_verify(const char *hash, const char *password, size_t len)
{
    cbx_err_t err;

    CBX_ASSERT(nobodys_hash[0] != '\0');
    if (!cbx_memory_borrow(MEMORY))
        return CBX_ERR_OVERLOADED;
    err = check(hash != NULL ? hash : nobodys_hash, password, len);
    cbx_memory_return(MEMORY);
    return err == CBX_OK && hash == NULL ? CBX_ERR_BAD_CREDENTIALS : err;
}

void cbx_password_wipe(void *password, size_t len)
{
    sodium_memzero(password, len);
}
