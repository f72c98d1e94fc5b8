/* clock.h -- the two clocks: the wall, which people read, and the steady one, which measures. */
#ifndef cbx_base_clock_h
#define cbx_base_clock_h

#include <stdint.h>

/* ms since the Unix epoch, UTC; may jump when somebody sets the clock; any thread */
int64_t cbx_clock_wall(void);

/* ms since some point in the past; never goes back; any thread */
int64_t cbx_clock_steady(void);

#endif
