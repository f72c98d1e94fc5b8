/* pages.h -- pages of history that were read before, as the bytes of the answer.
 *
 * A room at one rev never changes again: every change of it has the next rev. So what was read at a rev is
 * true as long as the room is at that rev, whoever asks and whoever writes, and nobody has to be told. Who
 * may read it is asked each time. Any thread.
 */
#ifndef cbx_http_pages_h
#define cbx_http_pages_h

#include <stdbool.h>

#include "wire/frame.h"

typedef struct cbx_pages cbx_pages_t;

/* which page: a cbx_page_kind_t, and the id where that needs one */
typedef struct cbx_page_key {
    int64_t room, id;
    int kind, limit;
} cbx_page_key_t;

cbx_pages_t *cbx_pages_create(void);
void cbx_pages_free(cbx_pages_t *pages);

/* forgets all: the memory is needed */
void cbx_pages_forget(cbx_pages_t *pages);

/* the answer when the room is at `rev`, or NULL: it is not here; the caller's reference */
cbx_frame_t *cbx_pages_find(cbx_pages_t *pages, const cbx_page_key_t *key, int64_t rev);
/* keeps a reference to the answer, in the place of another one; a long one is not kept */
void cbx_pages_keep(cbx_pages_t *pages, const cbx_page_key_t *key, int64_t rev, cbx_frame_t *frame);

#endif
