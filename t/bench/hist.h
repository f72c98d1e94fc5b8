/* hist.h -- latencies, counted in buckets: exact to 1 in 128, whatever their number, and cheap to note.
 *
 * Below 128 us each microsecond has its bucket; above, each doubling has 128 of them.
 */
#ifndef cbx_bench_hist_h
#define cbx_bench_hist_h

#include <stdint.h>

enum { HIST_STEPS = 128, HIST_BUCKETS = 26 * HIST_STEPS }; /* up to 2^32 us, over an hour */

struct hist {
    uint64_t count, bucket[HIST_BUCKETS];
    uint32_t max;
};

static inline unsigned hist_bucket(uint32_t us)
{
    unsigned doublings = us < HIST_STEPS ? 0 : 24 - (unsigned)__builtin_clz(us);

    return doublings * HIST_STEPS + (us >> doublings);
}

static inline void hist_note(struct hist *h, uint64_t us64)
{
    uint32_t us = us64 < UINT32_MAX ? (uint32_t)us64 : UINT32_MAX;

    ++h->count;
    ++h->bucket[hist_bucket(us)];
    if (us > h->max)
        h->max = us;
}

/* what the share `p` of them stayed within, ms; 1 is the largest; 0 when there are none */
double hist_ms(const struct hist *h, double p);

#endif
