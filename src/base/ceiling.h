/* ceiling.h -- how much memory this process may have, and how much of that is left. */
#ifndef cbx_base_ceiling_h
#define cbx_base_ceiling_h

#include <stdbool.h>
#include <stdint.h>

typedef struct cbx_ceiling {
    const char *name;           /* as its owner calls it: "memory.max", "RLIMIT_AS"; static */
    int64_t max, left, reserve; /* bytes; `left` may be below 0; `reserve` is what should be left */
} cbx_ceiling_t;

/* before there are threads: finds out where the limits stand. Under a limit of addresses glibc is told to be
 * modest with them. */
void cbx_ceiling_find(unsigned workers);
/* the limit that is nearest, as it is now; false: there is none. Any thread; some 20 us. */
bool cbx_ceiling_nearest(cbx_ceiling_t *nearest);

#endif
