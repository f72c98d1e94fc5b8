/* memory.c -- short of memory or not, as the limits (ceiling.c) have it.
 *
 * It is short when less than the reserve is left, and enough again when half as much again is: in between,
 * each connection that comes or goes would change it.
 */
#include "base/memory.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/ceiling.h"
#include "base/log.h"
#include "base/stats.h"

enum {
    LOOK_MS = 10,             /* a fast network brings some 10 MB in that time ... */
    LOOK_TIGHT_MS = 1,        /* ... and this is once a turn, of those that do much */
    LOOK_UNLIMITED_MS = 1000, /* somebody may set a limit */
    TIGHT = 3, /* reserves; what comes in one turn may take six times what is read: buffers double, and are
                  copied */
    SHARE_MIN = 4096,  /* H2O and wslay take so much with the first byte */
    HOARD_MIN = 32768, /* an answer of so much is nothing unusual: a page of short messages has 10 KB */
    RELIEVE_MS = 1000, /* giving memory back takes milliseconds */
    LATELY_MS = 3000   /* longer than what waits is left alone: one second */
};

static _Atomic int64_t look_at, relieve_at; /* when the next is due; ms, steady */
static _Atomic int64_t left = INT64_MAX;    /* what the last look found, where it is tight; else INT64_MAX */
static _Atomic int64_t turn = INT64_MAX;    /* the reserve of that limit */
static _Atomic int64_t borrowed;
static _Atomic int64_t room = INT64_MAX;        /* what may wait, bytes, as the last look found */
static _Atomic int64_t refused_at = -LATELY_MS; /* ms, steady */

/* is it time? Only one of those who ask at once is told so. */
static bool is_due(_Atomic int64_t *at, int64_t now, int64_t every)
{
    int64_t due = atomic_load_explicit(at, memory_order_relaxed);

    return now >= due && atomic_compare_exchange_strong(at, &due, now + every);
}

static void say(const char *event, const cbx_ceiling_t *limit)
{
    cbx_log(CBX_LOG_WARN, event, "limit", limit->name, "bytes", cbx_log_fmt("%" PRId64, limit->max), "left",
            cbx_log_fmt("%" PRId64, limit->left), NULL);
}

/* Half of what would be left if nothing waited. Within the reserve an eighth: who is here reads on, as long
 * as it is not much. */
static int64_t room_of(const cbx_ceiling_t *limit)
{
    int64_t all = limit->left + CBX_READ(waiting_bytes);
    int64_t half = (all - limit->reserve / 2) / 2;

    return half > all / 8 ? half : all / 8;
}

static void judge(const cbx_ceiling_t *limit)
{
    bool was_short = cbx_memory_is_short();
    int64_t enough = was_short ? limit->reserve + limit->reserve / 2 : limit->reserve;
    bool is_short = limit->left < enough;

    atomic_store_explicit(&left, limit->left < TIGHT * limit->reserve ? limit->left : INT64_MAX,
                          memory_order_relaxed);
    atomic_store_explicit(&turn, limit->max == INT64_MAX ? INT64_MAX : limit->reserve, memory_order_relaxed);
    atomic_store_explicit(&room, limit->max == INT64_MAX ? INT64_MAX : room_of(limit), memory_order_relaxed);
    if (is_short == was_short)
        return;
    CBX_GAUGE(memory_short, is_short);
    say(is_short ? "memory-short" : "memory-enough", limit);
}

static bool was_refused_lately(void)
{
    return cbx_clock_steady() - atomic_load_explicit(&refused_at, memory_order_relaxed) < LATELY_MS;
}

static bool is_tight(void)
{
    return atomic_load_explicit(&left, memory_order_relaxed) != INT64_MAX;
}

bool cbx_memory_look(void)
{
    int64_t now = cbx_clock_steady();
    cbx_ceiling_t limit;

    if (!is_due(&look_at, now, is_tight() ? LOOK_TIGHT_MS : LOOK_MS))
        return false;
    if (!cbx_ceiling_nearest(&limit)) {
        limit = (cbx_ceiling_t){"none", INT64_MAX, INT64_MAX, 0};
        atomic_store(&look_at, now + LOOK_UNLIMITED_MS);
    }
    judge(&limit);
    return (cbx_memory_is_short() || was_refused_lately()) && is_due(&relieve_at, now, RELIEVE_MS);
}

bool cbx_memory_is_short(void)
{
    return CBX_READ(memory_short) != 0;
}

int64_t cbx_memory_turn(void)
{
    return atomic_load_explicit(&turn, memory_order_relaxed);
}

size_t cbx_memory_share(size_t n)
{
    int64_t bytes = atomic_load_explicit(&left, memory_order_relaxed);

    if (bytes == INT64_MAX)
        return SIZE_MAX;
    bytes = bytes > 0 && n != 0 ? bytes / 2 / (int64_t)n : 0;
    return bytes > SHARE_MIN ? (size_t)bytes : SHARE_MIN;
}

void cbx_memory_keep(size_t bytes)
{
    CBX_COUNT(waiting_bytes, (int64_t)bytes);
}

void cbx_memory_drop(size_t bytes)
{
    CBX_COUNT(waiting_bytes, -(int64_t)bytes);
}

bool cbx_memory_has_room(size_t own, size_t more)
{
    int64_t most = atomic_load_explicit(&room, memory_order_relaxed), all = CBX_READ(waiting_bytes);

    if (all + (int64_t)more <= most)
        return true;
    if (all - (int64_t)own > most / 2) /* else it is he who wants too much */
        atomic_store_explicit(&refused_at, cbx_clock_steady(), memory_order_relaxed);
    return false;
}

size_t cbx_memory_hoard(size_t n)
{
    int64_t bytes;

    if (!was_refused_lately())
        return SIZE_MAX;
    bytes = n != 0 ? CBX_READ(waiting_bytes) / 2 / (int64_t)n : 0;
    return bytes > HOARD_MIN ? (size_t)bytes : HOARD_MIN;
}

/* what is borrowed may be in use already, and then counts twice: so who comes second may be refused too early
 */
bool cbx_memory_borrow(size_t bytes)
{
    int64_t all = atomic_fetch_add(&borrowed, (int64_t)bytes) + (int64_t)bytes;
    cbx_ceiling_t limit;

    if (!cbx_ceiling_nearest(&limit) || limit.left - limit.reserve / 2 >= all)
        return true;
    cbx_memory_return(bytes);
    return false;
}

void cbx_memory_return(size_t bytes)
{
    atomic_fetch_sub(&borrowed, (int64_t)bytes);
}
