/* address.c -- reads, compares and cuts addresses. */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t v4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static const cbx_address_t nobody;

static bool is_v4(const cbx_address_t *address)
{
    return memcmp(address->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

static bool is_nobody(const cbx_address_t *address)
{
    return memcmp(address, &nobody, sizeof(nobody)) == 0;
}

static void set_v4(cbx_address_t *address, const void *four)
{
    memcpy(address->bytes, v4_prefix, sizeof(v4_prefix));
    memcpy(address->bytes + sizeof(v4_prefix), four, 4);
}

bool cbx_address_parse(const char *text, size_t len, cbx_address_t *address)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;

    if (len >= sizeof(copy) || memchr(text, '\0', len) != NULL)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (inet_pton(AF_INET, copy, &v4) != 1)
        return inet_pton(AF_INET6, copy, address->bytes) == 1;
    set_v4(address, &v4);
    return true;
}

cbx_address_t cbx_address_of(const struct sockaddr *sa)
{
    cbx_address_t address = nobody;

    if (sa->sa_family == AF_INET)
        set_v4(&address, &((const struct sockaddr_in *)sa)->sin_addr);
    else if (sa->sa_family == AF_INET6)
        memcpy(address.bytes, &((const struct sockaddr_in6 *)sa)->sin6_addr, sizeof(address.bytes));
    return address;
}

socklen_t cbx_address_to(const cbx_address_t *address, struct sockaddr *sa)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (is_nobody(address))
        return 0;
    if (is_v4(address)) {
        memcpy(&v4.sin_addr, address->bytes + sizeof(v4_prefix), 4);
        memcpy(sa, &v4, sizeof(v4));
        return sizeof(v4);
    }
    memcpy(&v6.sin6_addr, address->bytes, sizeof(address->bytes));
    memcpy(sa, &v6, sizeof(v6));
    return sizeof(v6);
}

cbx_address_t cbx_address_group(const cbx_address_t *address)
{
    cbx_address_t group = *address;

    if (!is_v4(address))
        memset(group.bytes + 8, 0, 8);
    return group;
}

/* the bits of the two that are not the same, behind the first `bits`, are left out */
static bool same_bits(const cbx_address_t *a, const cbx_address_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    return memcmp(a->bytes, b->bytes, whole) == 0 &&
           (rest == 0 || (a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest) == 0);
}

/* is there nothing behind the prefix? */
static bool is_whole(const cbx_network_t *network)
{
    for (unsigned i = network->bits; i < 128; ++i)
        if ((network->address.bytes[i / 8] >> (7 - i % 8) & 1) != 0)
            return false;
    return true;
}

/* a number of up to three digits; more than any length otherwise */
static unsigned read_length(const char *text)
{
    size_t len = strlen(text);

    return len == 0 || len > 3 || strspn(text, "0123456789") != len ? 999 : (unsigned)atoi(text);
}

const char *cbx_network_parse(const char *text, cbx_network_t *network)
{
    const char *slash = strchr(text, '/');
    size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
    unsigned below, length;

    *network = (cbx_network_t){nobody, 128};
    if (strcmp(text, "unix") == 0)
        return NULL;
    if (!cbx_address_parse(text, len, &network->address))
        return "must be an address, a network such as 10.0.0.0/8 or fd00::/8, or unix";
    below = memchr(text, ':', len) == NULL ? 96 : 0;
    length = slash != NULL ? read_length(slash + 1) : 128 - below;
    if (length > 128 - below)
        return below != 0 ? "must have a length of 0 to 32 behind the slash"
                          : "must have a length of 0 to 128 behind the slash";
    network->bits = below + length;
    if (!is_whole(network))
        return "has more in its address than the length behind the slash lets count; 10.0.0.0/8 is right, "
               "10.0.0.1/8 is not";
    return slash == NULL && is_nobody(&network->address) ? "must be an address that somebody can have" : NULL;
}

/* who has no address is in no network but `unix`, and IPv4 in none of IPv6 */
bool cbx_network_has(const cbx_network_t *network, const cbx_address_t *address)
{
    if (is_nobody(address))
        return network->bits == 128 && is_nobody(&network->address);
    return is_v4(address) == is_v4(&network->address) && same_bits(&network->address, address, network->bits);
}
