/* fuzz.h -- what the fuzzers share.
 *
 * Each fuzz_*.c is one LLVMFuzzerTestOneInput: libFuzzer calls it in a build with -DFUZZ=ON, and
 * t/unit/test_corpus.c calls it with every file of t/fuzz/corpus in all others. A broken promise ends the
 * process with its place.
 */
#ifndef cbx_fuzz_fuzz_h
#define cbx_fuzz_fuzz_h

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "wire/json.h"

#define MUST(cond) CBX_ASSERT(cond)

static inline bool same_str(const cbx_str_t *a, const cbx_str_t *b)
{
    return (a->bytes == NULL) == (b->bytes == NULL) && a->len == b->len &&
           (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

static inline bool same_pairs(const cbx_pairs_t *a, const cbx_pairs_t *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->list, b->list, a->len * sizeof(*a->list)) == 0);
}

#endif
