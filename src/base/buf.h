/* buf.h -- bytes that grow. */
#ifndef cbx_base_buf_h
#define cbx_base_buf_h

#include <stddef.h>

/* zero-initialised is empty; `bytes` is not terminated */
typedef struct cbx_buf {
    char *bytes;
    size_t len, cap;
} cbx_buf_t;

/* makes room for `more` bytes behind `len` and returns where they go */
char *cbx_buf_reserve(cbx_buf_t *buf, size_t more);
void cbx_buf_append(cbx_buf_t *buf, const void *bytes, size_t len);
void cbx_buf_puts(cbx_buf_t *buf, const char *text);
void cbx_buf_dispose(cbx_buf_t *buf);

/* malloc, calloc, realloc and strdup that end the process when there is no memory */
void *cbx_alloc(size_t size);
void *cbx_zalloc(size_t size);
void *cbx_realloc(void *ptr, size_t size);
char *cbx_strdup(const char *text);
char *cbx_memdup(const void *bytes, size_t len); /* adds a NUL behind */

#endif
