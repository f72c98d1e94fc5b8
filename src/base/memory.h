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
#include <stdint.h>

/* Call it once a turn: looks at the limits, when it is time to. True: memory is short, or there was no room,
 * and the caller gives back what can be given back (one caller a second is told so). */
bool cbx_memory_look(void);
/* what the last look found */
bool cbx_memory_is_short(void);
/* bytes that all workers together may take in one turn, after which they look again: the reserve. INT64_MAX:
 * there is no limit */
int64_t cbx_memory_turn(void);
/* half of what is left, divided among `n`: so much may each hold of something unfinished. SIZE_MAX while
 * there is plenty, which ends before it is short. */
size_t cbx_memory_share(size_t n);

/* What waits for people to take it (frames, answers) is counted by who makes it, for as long as it is there:
 * free pieces of malloc's may be too small for the next one, so what is left does not say how much of it
 * there may be. All of it may be half of what there would be without it. */
void cbx_memory_keep(size_t bytes);
void cbx_memory_drop(size_t bytes);
/* may `more` bytes wait, besides what waits already, of which `own` are the caller's? Who wants more than a
 * few KB asks before he makes it. */
bool cbx_memory_has_room(size_t own, size_t more);
/* half of what waits, divided among `n`: who leaves more than that waiting is one of those who take the room.
 * SIZE_MAX unless somebody was refused it lately. */
size_t cbx_memory_hoard(size_t n);
/* Of `waiting` bytes that people ask for by themselves, so much must be taken within a second by who leaves
 * more than cbx_memory_hoard() waiting: all of it is gone in a quarter of a minute then. */
static inline size_t cbx_memory_pace(size_t waiting)
{
    return waiting / 16;
}

/* for what is large, and back soon: false when there is no room for it; else give it back */
bool cbx_memory_borrow(size_t bytes);
void cbx_memory_return(size_t bytes);

#endif
