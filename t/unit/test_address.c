/* test_address.c -- addresses and networks as they are written, who is in which, and whom a proxy may name.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "http/client.h"

static cbx_address_t address(const char *text)
{
    cbx_address_t a = {{0}};

    if (strcmp(text, "unix") != 0)
        assert_true(cbx_address_parse(text, strlen(text), &a));
    return a;
}

static bool is(cbx_address_t a, const char *text)
{
    cbx_address_t b = address(text);

    return memcmp(&a, &b, sizeof(a)) == 0;
}

static bool has(const char *text, const char *who)
{
    cbx_network_t network;
    cbx_address_t a = address(who);

    assert_null(cbx_network_parse(text, &network));
    return cbx_network_has(&network, &a);
}

static void test_addresses(void **state)
{
    static const char *const wrong[] = {"",           " ",        "1",          "1.2.3",       "1.2.3.4.5",
                                        "1.2.3.256",  "1.2.3.4 ", " 1.2.3.4",   "1.2.3.4:80",  "[::1]",
                                        "fe80::1%lo", ":",        "1::2::3",    "12345::",     "unknown",
                                        "unix",       "10.0/8",   "01.02.03.4", "\"1.2.3.4\"", "_hidden"};
    const char *long_one = "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc";
    cbx_address_t a;

    (void)state;
    for (size_t i = 0; i != COUNT(wrong); ++i)
        assert_false(cbx_address_parse(wrong[i], strlen(wrong[i]), &a));
    assert_false(cbx_address_parse(long_one, strlen(long_one), &a));
    assert_false(cbx_address_parse("1.2.3.4\0", 8, &a));
    assert_true(is(address("::ffff:1.2.3.4"), "1.2.3.4"));
    assert_false(is(address("::1.2.3.4"), "1.2.3.4"));
    assert_true(cbx_address_parse("1.2.3.45", 7, &a));
    assert_true(is(a, "1.2.3.4"));
}

static void test_sockets(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr none = {.sa_family = AF_UNIX};
    struct sockaddr_storage back;
    cbx_address_t a;

    (void)state;
    inet_pton(AF_INET, "192.0.2.7", &v4.sin_addr);
    a = cbx_address_of((struct sockaddr *)&v4);
    assert_true(is(a, "192.0.2.7"));
    assert_int_equal(cbx_address_to(&a, (struct sockaddr *)&back), sizeof(v4));
    assert_memory_equal(&back, &v4, sizeof(v4));
    inet_pton(AF_INET6, "::ffff:192.0.2.7", &v6.sin6_addr); /* a socket that hears both */
    assert_true(is(cbx_address_of((struct sockaddr *)&v6), "192.0.2.7"));
    inet_pton(AF_INET6, "2001:db8::7", &v6.sin6_addr);
    a = cbx_address_of((struct sockaddr *)&v6);
    assert_true(is(a, "2001:db8::7"));
    assert_int_equal(cbx_address_to(&a, (struct sockaddr *)&back), sizeof(v6));
    assert_memory_equal(&back, &v6, sizeof(v6));
    a = cbx_address_of(&none);
    assert_true(is(a, "unix"));
    assert_int_equal(cbx_address_to(&a, (struct sockaddr *)&back), 0);
}

static void test_groups(void **state)
{
    cbx_address_t a = address("2001:db8:1:2:3:4:5:6"), b = address("2001:db8:1:3::"),
                  c = address("192.0.2.7");

    (void)state;
    assert_true(is(cbx_address_group(&a), "2001:db8:1:2::"));
    assert_true(is(cbx_address_group(&b), "2001:db8:1:3::"));
    assert_true(is(cbx_address_group(&c), "192.0.2.7"));
}

static void test_networks(void **state)
{
    static const char *const wrong[] = {
        "",          "10.0.0.0/33",  "10.0.0.0/",    "10.0.0.0/-1", "10.0.0.1/8",
        "10/8",      "10.0.0.0/8 ",  "10.0.0.0/08x", "::1/129",     "::1/64",
        "localhost", "Unix",         "10.0.0.0/8/8", "/8",          "::",
        "0.0.0.1/0", "fd00::1/8",    "10.0.0.0/1e1", "[::1]",       "10.0.0.0/0x8",
        "::1/9999",  "10.0.0.128/24"};
    cbx_network_t network;

    (void)state;
    for (size_t i = 0; i != COUNT(wrong); ++i)
        assert_non_null(cbx_network_parse(wrong[i], &network));
    assert_true(has("10.0.0.0/8", "10.255.0.1") && !has("10.0.0.0/8", "11.0.0.0"));
    assert_true(has("10.0.0.0/8", "::ffff:10.1.1.1"));
    assert_true(has("192.0.2.128/25", "192.0.2.128") && !has("192.0.2.128/25", "192.0.2.127"));
    assert_true(has("192.0.2.6/31", "192.0.2.7") && !has("192.0.2.6/31", "192.0.2.5"));
    assert_true(has("127.0.0.1", "127.0.0.1") && !has("127.0.0.1", "127.0.0.2"));
    assert_true(has("127.0.0.1/32", "127.0.0.1") && !has("127.0.0.1/32", "127.0.0.0"));
    assert_true(has("0.0.0.0/0", "255.255.255.255") && !has("0.0.0.0/0", "2001:db8::1"));
    assert_true(has("::/0", "2001:db8::1") && !has("::/0", "10.0.0.1") && !has("::/0", "unix"));
    assert_true(has("fd00::/8", "fdff::1") && !has("fd00::/8", "fe00::1"));
    assert_true(has("2001:db8::/33", "2001:db8:7fff::") && !has("2001:db8::/33", "2001:db8:8000::"));
    assert_true(has("::1", "::1") && !has("::1", "::2") && !has("::1", "unix"));
    assert_true(has("unix", "unix") && !has("unix", "127.0.0.1") && !has("unix", "::1"));
}

/* who it is when `peer` sends up to two headers */
static bool chooses(const char *peer, const char *first, const char *second, const char *want)
{
    static const char *const trusted[] = {"127.0.0.1", "10.0.0.0/8", "fd00::/8", "unix"};
    cbx_network_t networks[COUNT(trusted)];
    cbx_settings_t settings = {.trusted_proxies = networks, .trusted_proxies_len = COUNT(trusted)};
    cbx_slice_t lists[2] = {{first, first != NULL ? strlen(first) : 0},
                            {second, second != NULL ? strlen(second) : 0}};

    for (size_t i = 0; i != COUNT(trusted); ++i)
        assert_null(cbx_network_parse(trusted[i], &networks[i]));
    return is(cbx_client_choose(&settings, address(peer), lists, (first != NULL) + (second != NULL)), want);
}

static void test_whom_a_proxy_names(void **state)
{
    static const char *const garbage[] = {"",      " ",           ",",         "1.2.3.4,", "1.2.3.4, ",
                                          "x",     "1.2.3.4 x",   "1.2.3.4;",  "unknown",  "1.2.3.4:5",
                                          "[::1]", "x, 10.0.0.1", ",10.0.0.1", "unix"};

    (void)state;
    assert_true(chooses("192.0.2.1", "1.2.3.4", NULL, "192.0.2.1")); /* anybody can write that */
    assert_true(chooses("192.0.2.1", "garbage", NULL, "192.0.2.1"));
    assert_true(chooses("127.0.0.1", NULL, NULL, "127.0.0.1"));
    assert_true(chooses("127.0.0.1", "1.2.3.4", NULL, "1.2.3.4"));
    assert_true(chooses("unix", "1.2.3.4", NULL, "1.2.3.4"));
    assert_true(chooses("127.0.0.1", " \t2001:db8::1 ", NULL, "2001:db8::1"));
    assert_true(chooses("127.0.0.1", "6.6.6.6, 1.2.3.4", NULL, "1.2.3.4"));
    assert_true(chooses("127.0.0.1", "6.6.6.6,1.2.3.4,10.1.1.1,fd00::1", NULL, "1.2.3.4"));
    assert_true(chooses("127.0.0.1", "6.6.6.6", "1.2.3.4", "1.2.3.4"));
    assert_true(chooses("127.0.0.1", "6.6.6.6, 1.2.3.4", "10.1.1.1", "1.2.3.4"));
    assert_true(chooses("127.0.0.1", "10.2.2.2", "10.1.1.1", "10.2.2.2")); /* one of the house */
    assert_true(
        chooses("127.0.0.1", "garbage, 1.2.3.4", NULL, "1.2.3.4")); /* ... is the client's own affair */
    for (size_t i = 0; i != COUNT(garbage); ++i)
        assert_true(chooses("127.0.0.1", garbage[i], NULL, "127.0.0.1"));
    assert_true(chooses("127.0.0.1", "", "10.1.1.1", "127.0.0.1"));
    assert_true(chooses("127.0.0.1", "1.2.3.4", "", "127.0.0.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_whom_a_proxy_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
