/* acked.h -- how much of what was sent has arrived. */
#ifndef cbx_base_acked_h
#define cbx_base_acked_h

#include <stdbool.h>
#include <stdint.h>

/* bytes that the other side of the TCP connection has acknowledged so far; false: it is not TCP; any thread
 */
bool cbx_acked_bytes(int fd, uint64_t *bytes);

#endif
