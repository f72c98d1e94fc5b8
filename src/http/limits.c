/* limits.c -- counters in tables of a fixed size.
 *
 * A key is the keyed hash of a name, an address or both; IPv6 counts by /64. A key has WAYS places where it
 * may be, and nobody outside knows which. Where all of them are taken the counter that counted least goes: an
 * attacker with very many addresses or names, who has to count to get there, replaces his own counters of one
 * long before any that is about to close. The tables are apart, so that a flood in one drops nothing in
 * another.
 */
#include "http/limits.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "wire/keyed.h"

enum {
    WINDOW_MS = 60 * 1000,
    WAYS = 8,
    BUCKETS = 8192, /* 65,536 counters, 1.5 MB a table: 1,000 a second for as long as one counts */
    PENDING_S = 1   /* how long to wait for those that are being looked at: each takes 50 ms of a processor */
};

typedef struct counter {
    uint64_t key;
    int64_t since; /* ms, steady: of the first in this minute */
    unsigned count, pending;
} counter_t;

typedef counter_t table_t[BUCKETS][WAYS];

struct cbx_limits {
    pthread_mutex_t lock;
    uint8_t key[CBX_KEYED_KEY];
    unsigned logins_max;
    table_t pairs, addresses, names, logins;
};

cbx_limits_t *cbx_limits_create(unsigned logins)
{
    cbx_limits_t *limits = cbx_zalloc(sizeof(*limits)); /* what is not used takes no memory */

    pthread_mutex_init(&limits->lock, NULL);
    cbx_keyed_make(limits->key);
    limits->logins_max = logins;
    return limits;
}

void cbx_limits_free(cbx_limits_t *limits)
{
    if (limits == NULL)
        return;
    pthread_mutex_destroy(&limits->lock);
    free(limits);
}

/* -- counters -- */

/* a minute that is over counts no more */
static void refresh(counter_t *counter, int64_t now)
{
    if (now - counter->since >= WINDOW_MS)
        counter->count = 0;
}

/* the key's counter, or NULL */
static counter_t *find(table_t table, uint64_t key, int64_t now)
{
    counter_t *bucket = table[key % BUCKETS];

    for (size_t i = 0; i != WAYS; ++i) {
        refresh(&bucket[i], now);
        if (bucket[i].key == key && bucket[i].count + bucket[i].pending != 0)
            return &bucket[i];
    }
    return NULL;
}

/* the key's counter, in the place of the one that counted least, where it has none; of two, the older goes */
static counter_t *take(table_t table, uint64_t key, int64_t now)
{
    counter_t *bucket = table[key % BUCKETS], *found = find(table, key, now), *least = bucket;

    if (found != NULL)
        return found;
    for (counter_t *c = bucket + 1; c != bucket + WAYS; ++c) {
        unsigned a = c->count + c->pending, b = least->count + least->pending;
        if (a < b || (a == b && c->since < least->since))
            least = c;
    }
    *least = (counter_t){.key = key, .since = now};
    return least;
}

static void count(table_t table, uint64_t key, int64_t now)
{
    counter_t *counter = take(table, key, now);

    if (counter->count++ == 0)
        counter->since = now;
}

static double closed_for(table_t table, uint64_t key, unsigned max, int64_t now)
{
    const counter_t *counter = find(table, key, now);

    if (counter == NULL || counter->count + counter->pending < max)
        return 0;
    return counter->count >= max ? (double)(counter->since + WINDOW_MS - now) / 1000 : PENDING_S;
}

static void end_pending(table_t table, uint64_t key, bool wrong, int64_t now)
{
    counter_t *counter = find(table, key, now);

    if (counter != NULL && counter->pending != 0)
        --counter->pending;
    if (wrong)
        count(table, key, now);
}

/* -- keys -- */

static uint64_t key_of(const cbx_limits_t *limits, const char *name, const cbx_address_t *address)
{
    uint8_t bytes[CBX_NAME_MAX + 1 + sizeof(*address)] = {0};
    cbx_address_t group;

    for (size_t i = 0; i != CBX_NAME_MAX && name[i] != '\0'; ++i)
        bytes[i] = (uint8_t)tolower((unsigned char)name[i]);
    if (address != NULL) {
        group = cbx_address_group(address);
        memcpy(bytes + CBX_NAME_MAX + 1, &group, sizeof(group));
    }
    return cbx_keyed_hash(limits->key, bytes, sizeof(bytes));
}

/* -- the doors -- */

static double longest(double a, double b)
{
    return a > b ? a : b;
}

double cbx_limits_try(cbx_limits_t *limits, const char *name, const cbx_address_t *address, int64_t now,
                      cbx_try_t *tried)
{
    double wait;

    tried->pair = key_of(limits, name, address);
    tried->address = key_of(limits, "", address);
    tried->name = key_of(limits, name, NULL);
    pthread_mutex_lock(&limits->lock);
    wait = longest(closed_for(limits->pairs, tried->pair, CBX_WRONG_PAIR, now),
                   longest(closed_for(limits->addresses, tried->address, CBX_WRONG_ADDRESS, now),
                           closed_for(limits->names, tried->name, CBX_WRONG_NAME, now)));
    if (wait == 0) {
        ++take(limits->pairs, tried->pair, now)->pending;
        ++take(limits->addresses, tried->address, now)->pending;
        ++take(limits->names, tried->name, now)->pending;
    }
    pthread_mutex_unlock(&limits->lock);
    return wait;
}

void cbx_limits_tried(cbx_limits_t *limits, const cbx_try_t *tried, bool wrong, int64_t now)
{
    pthread_mutex_lock(&limits->lock);
    end_pending(limits->pairs, tried->pair, wrong, now);
    end_pending(limits->addresses, tried->address, wrong, now);
    end_pending(limits->names, tried->name, wrong, now);
    pthread_mutex_unlock(&limits->lock);
}

double cbx_limits_login(cbx_limits_t *limits, const cbx_address_t *address, int64_t now)
{
    uint64_t key = key_of(limits, "", address);
    double wait;

    if (limits->logins_max == 0)
        return 0;
    pthread_mutex_lock(&limits->lock);
    wait = closed_for(limits->logins, key, limits->logins_max, now);
    if (wait == 0)
        count(limits->logins, key, now);
    pthread_mutex_unlock(&limits->lock);
    return wait;
}
