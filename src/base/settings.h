/* settings.h -- the configuration once it is read: frozen before the first thread starts, shared by all.
 *
 * Filled by server/config.c from the directives `chatterbox.*` (conf/README.md documents each); read
 * everywhere.
 */
#ifndef cbx_base_settings_h
#define cbx_base_settings_h

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

typedef struct cbx_settings {
    char *database;                 /* a path, or ":memory:" */
    bool synchronous_full;          /* FULL: a power cut loses nothing acknowledged; else NORMAL */
    char *token_secret;             /* the key of the tokens, `token_secret_len` bytes */
    size_t token_secret_len;        /* bytes, 32 or more */
    int64_t token_lifetime;         /* s */
    bool guests;                    /* may one log in with just a name */
    bool registration;              /* may one make an account */
    char **allowed_origins;         /* besides the page's own; ends with NULL */
    bool compress;                  /* is permessage-deflate taken where a client offers it */
    size_t message_limit;           /* bytes of text */
    double rate;                    /* messages a second and user, burst of twice that; 0: no limit */
    unsigned logins_per_minute;     /* guests and new accounts of one address; 0: no limit */
    cbx_network_t *trusted_proxies; /* who may say for whom he asks */
    size_t trusted_proxies_len;
    size_t outbound_limit;  /* bytes that may wait for one connection */
    unsigned hello_timeout; /* s */
    unsigned ping_interval; /* s; no answer for two intervals: the connection is dead */
    unsigned write_timeout; /* s that an answer may wait for its reader */
    unsigned num_threads;   /* workers */
} cbx_settings_t;

#endif
