/* keyed.h -- a hash that nobody can aim without the key (SipHash): for tables whose keys strangers choose.
 * Pure.
 */
#ifndef cbx_wire_keyed_h
#define cbx_wire_keyed_h

#include <stddef.h>
#include <stdint.h>

#define CBX_KEYED_KEY 16

/* makes up a key */
void cbx_keyed_make(uint8_t key[CBX_KEYED_KEY]);
uint64_t cbx_keyed_hash(const uint8_t key[CBX_KEYED_KEY], const void *bytes, size_t len);

#endif
