/* address.h -- internet addresses and networks, as one value each: IPv4 inside of IPv6 (RFC 4291 section
 * 2.5.5.2), so a socket that hears both names nobody in two ways. Pure; any thread.
 */
#ifndef cbx_base_address_h
#define cbx_base_address_h

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* all zero: a unix socket's peer, who has none */
typedef struct cbx_address {
    uint8_t bytes[16];
} cbx_address_t;

/* those whose first `bits` (of 128) are the address's */
typedef struct cbx_network {
    cbx_address_t address;
    unsigned bits;
} cbx_network_t;

/* an address as people write it, and nothing else: no port, no brackets, no zone */
bool cbx_address_parse(const char *text, size_t len, cbx_address_t *address);
cbx_address_t cbx_address_of(const struct sockaddr *sa);
/* writes it into `sa` (with port 0), and returns the length; 0: it is none */
socklen_t cbx_address_to(const cbx_address_t *address, struct sockaddr *sa);
/* who counts as one: of IPv6 the first 64 bits, which is what a single customer gets at least, and may choose
 * from freely; of IPv4 all */
cbx_address_t cbx_address_group(const cbx_address_t *address);

/* an address, a network in CIDR form, or `unix`; NULL, or what is wrong with it */
const char *cbx_network_parse(const char *text, cbx_network_t *network);
bool cbx_network_has(const cbx_network_t *network, const cbx_address_t *address);

#endif
