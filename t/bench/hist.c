/* hist.c -- see hist.h */
#include "hist.h"

/* the middle of a bucket */
static double value_us(unsigned bucket)
{
    unsigned doublings = bucket < 2 * HIST_STEPS ? 0 : bucket / HIST_STEPS - 1;

    return (double)((uint64_t)(bucket - doublings * HIST_STEPS) << doublings) +
           (double)((1u << doublings) - 1) / 2;
}

double hist_ms(const struct hist *h, double p)
{
    uint64_t rank = h->count == 0 ? 0 : (uint64_t)(p * (double)(h->count - 1)), seen = 0;
    double us;

    if (h->count == 0)
        return 0;
    if (rank == h->count - 1)
        return h->max / 1000.0;
    for (unsigned i = 0;; ++i)
        if ((seen += h->bucket[i]) > rank) {
            us = value_us(i);
            return (us < h->max ? us : h->max) / 1000.0;
        }
}
