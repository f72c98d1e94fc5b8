/* memory.h -- is there enough memory to take on something new?
 *
 * malloc that fails ends the process (base/buf.h, and libh2o does the same): nobody could go on. So the
 * server looks ahead, and refuses what is new while what is left should be kept for those who are here. Any
 * thread.
 */
#ifndef cbx_base_memory_h
#define cbx_base_memory_h

#include <stdbool.h>
#include <stddef.h>

/* Call it once a turn: looks at the limits, when it is time to. True: memory is short, and the caller gives
 * back what can be given back (one caller a second is told so). */
bool cbx_memory_look(void);
/* what the last look found */
bool cbx_memory_is_short(void);
/* half of what is left, divided among `n`: so much may each hold of something unfinished. SIZE_MAX while
 * there is plenty, which ends before it is short. */
size_t cbx_memory_share(size_t n);

/* for what is large, and back soon: false when there is no room for it; else give it back */
bool cbx_memory_borrow(size_t bytes);
void cbx_memory_return(size_t bytes);

#endif
