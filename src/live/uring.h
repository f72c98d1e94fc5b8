/* uring.h -- many sends in one system call, by io_uring (liburing), the only door to it.
 *
 * Not every kernel lets everybody use it; then there is none, and send() does the same. One thread's.
 */
#ifndef cbx_live_uring_h
#define cbx_live_uring_h

#include <stddef.h>
#include <sys/types.h>

typedef struct cbx_uring cbx_uring_t;

typedef struct cbx_sending {
    int fd;
    const void *bytes;
    size_t len;
    ssize_t sent; /* filled in: bytes, or -errno */
} cbx_sending_t;

/* NULL: the kernel does not have it, or not for us */
cbx_uring_t *cbx_uring_create(void);
void cbx_uring_free(cbx_uring_t *uring); /* NULL is harmless */

/* sends each as send(MSG_DONTWAIT | MSG_NOSIGNAL) does, and returns when all are done; without a ring (NULL)
 * by that */
void cbx_uring_send(cbx_uring_t *uring, cbx_sending_t *list, size_t len);

#endif
