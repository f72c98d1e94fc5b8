/* tickets.c -- a ring of keys for session tickets.
 *
 * Who has a ticket's key can read what a TLS 1.2 session that came of it said, long after. So a key seals for
 * an hour, opens for as long as its last ticket lives, and is wiped then; none is ever written anywhere. All
 * listeners and workers share the ring, and it outlives a reload of certificates: a client may come back to
 * any thread. The callback is called in handshakes, by the workers' threads; a handshake costs a thousand
 * times what the lock does.
 */
#include "server/tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"

#define SEAL_MS 3600000 /* how long a key makes tickets */
#define TICKET_S 7200   /* how long a ticket resumes: OpenSSL's default */
#define KEEP_MS (SEAL_MS + TICKET_S * 1000)
#define KEYS (KEEP_MS / SEAL_MS)
#define NAME_LEN 16 /* OpenSSL's */

struct key {
    unsigned char name[NAME_LEN], aes[32], hmac[32];
    int64_t born;
};

static struct {
    pthread_mutex_t lock;
    size_t len;
    struct key keys[KEYS]; /* the newest first */
} ring = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void drop_old(int64_t now)
{
    while (ring.len != 0 && now - ring.keys[ring.len - 1].born >= KEEP_MS)
        OPENSSL_cleanse(&ring.keys[--ring.len], sizeof(ring.keys[0]));
}

static void add_new(int64_t now)
{
    CBX_ASSERT(ring.len != KEYS);
    memmove(&ring.keys[1], &ring.keys[0], ring.len++ * sizeof(ring.keys[0]));
    ring.keys[0].born = now;
    CBX_ASSERT(RAND_bytes(ring.keys[0].name, sizeof(ring.keys[0].name)) == 1);
    CBX_ASSERT(RAND_priv_bytes(ring.keys[0].aes, sizeof(ring.keys[0].aes)) == 1);
    CBX_ASSERT(RAND_priv_bytes(ring.keys[0].hmac, sizeof(ring.keys[0].hmac)) == 1);
}

void cbx_tickets_turn(int64_t now)
{
    pthread_mutex_lock(&ring.lock);
    drop_old(now);
    if (ring.len == 0 || now - ring.keys[0].born >= SEAL_MS)
        add_new(now);
    pthread_mutex_unlock(&ring.lock);
}

void cbx_tickets_wipe(void)
{
    pthread_mutex_lock(&ring.lock);
    OPENSSL_cleanse(ring.keys, sizeof(ring.keys));
    ring.len = 0;
    pthread_mutex_unlock(&ring.lock);
}

/* the place in the ring of the key of that name (NULL: of the newest), which is copied; -1: there is none */
static int copy_key(const unsigned char *name, struct key *key)
{
    int found = -1;

    pthread_mutex_lock(&ring.lock);
    for (size_t i = 0; i != ring.len && found == -1; ++i)
        if (name == NULL || memcmp(ring.keys[i].name, name, NAME_LEN) == 0)
            found = (int)i;
    if (found != -1)
        *key = ring.keys[found];
    pthread_mutex_unlock(&ring.lock);
    return found;
}

static bool prepare(struct key *key, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int seal)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->hmac, sizeof(key->hmac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"sha256", 0),
        OSSL_PARAM_construct_end(),
    };

    return (!seal || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1) &&
           EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->aes, iv, seal) == 1 &&
           EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* 0: go on without a ticket; 1: fine; 2: fine, and give out a new one */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int seal)
{
    struct key key;
    int place = copy_key(seal ? NULL : name, &key);
    bool ok = place != -1 && prepare(&key, iv, cipher, mac, seal);

    (void)ssl;
    if (ok && seal)
        memcpy(name, key.name, NAME_LEN);
    OPENSSL_cleanse(&key, sizeof(key));
    return !ok ? 0 : seal || place == 0 ? 1 : 2;
}

void cbx_tickets_use(SSL_CTX *ctx)
{
    SSL_CTX_set_timeout(ctx, TICKET_S);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket);
}
