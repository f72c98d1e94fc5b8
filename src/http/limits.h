/* limits.h -- who tries too much is held back: wrong passwords, new names. All workers share it; any thread.
 *
 * What was wrong counts three times: by name and address, so that who guesses closes the name to himself and
 * not to its owner; by address, so that one password tried on a thousand names is found out, too; and by name
 * alone, so that many addresses together are slow. Whether anybody has the name is not asked.
 *
 * A password is counted before it is looked at (`pending`), so that of a thousand that come at once no more
 * are looked at than may be wrong.
 */
#ifndef cbx_http_limits_h
#define cbx_http_limits_h

#include <stdbool.h>

#include "base/address.h"
#include "wire/types.h"

typedef struct cbx_limits cbx_limits_t;

/* Wrong passwords in a minute, from the first of them; what is beyond waits for its end.
 * PAIR, of a name from an address: nobody mistypes more often by hand.
 * ADDRESS: of a school of a thousand behind one, who log in within a few minutes, some mistype; and a hundred
 * guesses a minute at a thousand names are few.
 * NAME: ten addresses' worth. More than those do close the name to its owner as well, for a minute (who is in
 * stays in); but they get 144,000 guesses a day, where without it each address would add 14,400. */
enum { CBX_WRONG_PAIR = 10, CBX_WRONG_ADDRESS = 100, CBX_WRONG_NAME = 100 };

/* `logins`: new sessions without a password, and new accounts, that an address may have in a minute; 0: no
 * limit */
cbx_limits_t *cbx_limits_create(unsigned logins);
void cbx_limits_free(cbx_limits_t *limits);

/* a password that is being looked at */
typedef struct cbx_try {
    uint64_t pair, address, name;
} cbx_try_t;

/* May a password for this name (CBX_NAME_MAX at most) be looked at, at `now` (ms, steady)? 0: yes, and `try`
 * must be given back by cbx_limits_tried; else the seconds to wait. */
double cbx_limits_try(cbx_limits_t *limits, const char *name, const cbx_address_t *address, int64_t now,
                      cbx_try_t *tried);
/* it was looked at, or could not be: was it wrong? */
void cbx_limits_tried(cbx_limits_t *limits, const cbx_try_t *tried, bool wrong, int64_t now);

/* counts a guest who comes, or an account that is made; 0, or the seconds to wait */
double cbx_limits_login(cbx_limits_t *limits, const cbx_address_t *address, int64_t now);

#endif
