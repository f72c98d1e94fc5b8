/* test_tickets.c -- keys of session tickets: which seal, which still open, and when they are gone. */
#include "unit.h"

#include <openssl/ssl.h>
#include <string.h>

#include "server/tickets.h"

#define MINUTE (60 * INT64_C(1000))
#define HOUR (60 * MINUTE)

static SSL_CTX *server, *client;

static int setup(void **state)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();

    (void)state;
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_sign(cert, key, EVP_sha256());
    server = SSL_CTX_new(TLS_server_method());
    client = SSL_CTX_new(TLS_client_method());
    SSL_CTX_use_certificate(server, cert);
    SSL_CTX_use_PrivateKey(server, key);
    SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION); /* its session is there after the handshake */
    cbx_tickets_use(server);
    X509_free(cert);
    EVP_PKEY_free(key);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    SSL_CTX_free(server);
    SSL_CTX_free(client);
    return 0;
}

static void carry(SSL *from, SSL *to)
{
    char bytes[4096];
    int n;

    while ((n = BIO_read(SSL_get_wbio(from), bytes, sizeof(bytes))) > 0)
        BIO_write(SSL_get_rbio(to), bytes, n);
}

/* a handshake, with `session` if there is one; gives the client's session, and whether it was resumed */
static SSL_SESSION *shake(SSL_SESSION *session, bool *resumed)
{
    SSL *s = SSL_new(server), *c = SSL_new(client);
    SSL_SESSION *now;

    SSL_set_bio(s, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_bio(c, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(s);
    if (session != NULL)
        SSL_set_session(c, session);
    for (int i = 0; i != 10 && (SSL_connect(c) != 1 || SSL_do_handshake(s) != 1); ++i) {
        carry(c, s);
        SSL_do_handshake(s);
        carry(s, c);
    }
    assert_true(SSL_is_init_finished(c));
    *resumed = SSL_session_reused(c);
    now = SSL_get1_session(c);
    SSL_shutdown(c);
    SSL_free(s);
    SSL_free(c);
    return now;
}

/* the first 16 bytes of a ticket name its key */
static bool have_same_key(const SSL_SESSION *a, const SSL_SESSION *b)
{
    const unsigned char *x, *y;
    size_t x_len, y_len;

    SSL_SESSION_get0_ticket(a, &x, &x_len);
    SSL_SESSION_get0_ticket(b, &y, &y_len);
    assert_true(x_len > 16 && y_len > 16);
    return memcmp(x, y, 16) == 0;
}

static bool resumes(SSL_SESSION *session)
{
    bool resumed;

    SSL_SESSION_free(shake(session, &resumed));
    return resumed;
}

static void a_key_seals_for_an_hour(void **state)
{
    SSL_SESSION *first, *second, *third;
    bool resumed;

    (void)state;
    cbx_tickets_wipe();
    cbx_tickets_turn(HOUR);
    first = shake(NULL, &resumed);
    assert_false(resumed);
    cbx_tickets_turn(HOUR + 59 * MINUTE);
    second = shake(NULL, &resumed);
    assert_true(have_same_key(first, second));
    cbx_tickets_turn(2 * HOUR);
    third = shake(NULL, &resumed);
    assert_false(have_same_key(first, third));
    SSL_SESSION_free(first);
    SSL_SESSION_free(second);
    SSL_SESSION_free(third);
}

static void an_old_key_opens_while_a_ticket_of_it_lives(void **state)
{
    SSL_SESSION *session, *fresh;
    bool resumed;

    (void)state;
    cbx_tickets_wipe();
    cbx_tickets_turn(0);
    session = shake(NULL, &resumed);
    assert_true(resumes(session));
    for (int64_t now = MINUTE; now < 3 * HOUR; now += MINUTE)
        cbx_tickets_turn(now);
    fresh = shake(session, &resumed);
    assert_true(resumed);
    assert_false(have_same_key(session, fresh)); /* who comes with an old one goes with a new one */
    cbx_tickets_turn(3 * HOUR);
    assert_false(resumes(session));
    assert_true(resumes(fresh));
    SSL_SESSION_free(session);
    SSL_SESSION_free(fresh);
}

static void a_long_sleep_leaves_no_key(void **state)
{
    SSL_SESSION *session;
    bool resumed;

    (void)state;
    cbx_tickets_wipe();
    cbx_tickets_turn(0);
    session = shake(NULL, &resumed);
    cbx_tickets_turn(100 * HOUR);
    assert_false(resumes(session));
    SSL_SESSION_free(session);
}

static void without_keys_there_are_no_tickets(void **state)
{
    SSL_SESSION *session;
    bool resumed;

    (void)state;
    cbx_tickets_wipe();
    session = shake(NULL, &resumed);
    assert_false(SSL_SESSION_has_ticket(session));
    SSL_SESSION_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_seals_for_an_hour),
        cmocka_unit_test(an_old_key_opens_while_a_ticket_of_it_lives),
        cmocka_unit_test(a_long_sleep_leaves_no_key),
        cmocka_unit_test(without_keys_there_are_no_tickets),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
