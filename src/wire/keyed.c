/* keyed.c -- libsodium's SipHash-2-4. */
#include "wire/keyed.h"

#include <sodium.h>
#include <string.h>

_Static_assert(CBX_KEYED_KEY == crypto_shorthash_KEYBYTES, "SipHash has a key of 16 bytes");
_Static_assert(sizeof(uint64_t) == crypto_shorthash_BYTES, "... and gives 8");

void cbx_keyed_make(uint8_t key[CBX_KEYED_KEY])
{
    crypto_shorthash_keygen(key);
}

uint64_t cbx_keyed_hash(const uint8_t key[CBX_KEYED_KEY], const void *bytes, size_t len)
{
    uint64_t hash;

    crypto_shorthash((unsigned char *)&hash, bytes, len, key);
    return hash;
}
