/* buf.c -- bytes that grow, and memory that is there or ends the process.
 *
 * A server that runs out of memory in the middle of a change cannot keep its promises: it stops, and what was
 * acknowledged is in the database.
 */
#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define FIRST_CAP 256 /* most frames and lines fit */

static void *checked(void *ptr, size_t size)
{
    if (ptr == NULL) {
        fprintf(stderr, "chatterbox: no memory for %zu bytes\n", size);
        abort();
    }
    return ptr;
}

void *cbx_alloc(size_t size)
{
    return checked(malloc(size != 0 ? size : 1), size);
}

void *cbx_zalloc(size_t size)
{
    return checked(calloc(1, size != 0 ? size : 1), size);
}

void *cbx_realloc(void *ptr, size_t size)
{
    return checked(realloc(ptr, size != 0 ? size : 1), size);
}

char *cbx_memdup(const void *bytes, size_t len)
{
    char *copy = cbx_alloc(len + 1);

    if (len != 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

char *cbx_strdup(const char *text)
{
    return cbx_memdup(text, strlen(text));
}

char *cbx_buf_reserve(cbx_buf_t *buf, size_t more)
{
    size_t need = buf->len + more, cap = buf->cap != 0 ? buf->cap : FIRST_CAP;

    CBX_ASSERT(need >= more && need <= SIZE_MAX / 2);
    if (need > buf->cap || buf->bytes == NULL) {
        while (cap < need)
            cap *= 2;
        buf->bytes = cbx_realloc(buf->bytes, cap);
        buf->cap = cap;
    }
    return buf->bytes + buf->len;
}

void cbx_buf_append(cbx_buf_t *buf, const void *bytes, size_t len)
{
    if (len != 0) {
        memcpy(cbx_buf_reserve(buf, len), bytes, len);
        buf->len += len;
    }
}

void cbx_buf_puts(cbx_buf_t *buf, const char *text)
{
    cbx_buf_append(buf, text, strlen(text));
}

void cbx_buf_dispose(cbx_buf_t *buf)
{
    free(buf->bytes);
    *buf = (cbx_buf_t){NULL, 0, 0};
}
