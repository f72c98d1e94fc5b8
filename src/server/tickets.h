/* tickets.h -- the keys that session tickets are sealed with: one set for all listeners and workers, in
 * memory only.
 */
#ifndef cbx_server_tickets_h
#define cbx_server_tickets_h

#include <openssl/ssl.h>
#include <stdint.h>

/* `ctx` seals and opens its tickets with our keys. Call cbx_tickets_turn before the first handshake. */
void cbx_tickets_use(SSL_CTX *ctx);

/* makes a new key when the newest has had its time, and wipes those that no living ticket can need; `now` in
 * ms of the steady clock; any thread */
void cbx_tickets_turn(int64_t now);

/* wipes all; tickets are not to be had any more */
void cbx_tickets_wipe(void);

#endif
