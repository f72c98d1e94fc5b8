/* readers.c -- a stack of reading connections: whoever borrows gets the one that was used last, whose pages
 * are warm. */
#include "store/readers.h"

#include <pthread.h>
#include <stdlib.h>

struct cbx_readers {
    pthread_mutex_t lock;
    const cbx_store_t *to;
    unsigned max, opened, idle_len; /* under the lock */
    cbx_store_t *idle[];
};

cbx_readers_t *cbx_readers_create(const cbx_store_t *to, unsigned n)
{
    cbx_readers_t *readers = cbx_zalloc(sizeof(*readers) + n * sizeof(readers->idle[0]));

    pthread_mutex_init(&readers->lock, NULL);
    readers->to = to;
    readers->max = n;
    return readers;
}

void cbx_readers_free(cbx_readers_t *readers)
{
    if (readers == NULL)
        return;
    CBX_ASSERT(readers->idle_len == readers->opened);
    for (unsigned i = 0; i < readers->idle_len; ++i)
        cbx_store_close(readers->idle[i]);
    pthread_mutex_destroy(&readers->lock);
    free(readers);
}

/* an idle connection; or NULL, and then the caller may open one more */
static cbx_store_t *pop(cbx_readers_t *readers)
{
    cbx_store_t *store = NULL;

    pthread_mutex_lock(&readers->lock);
    if (readers->idle_len != 0) {
        store = readers->idle[--readers->idle_len];
    } else {
        CBX_ASSERT(readers->opened < readers->max); /* there are as many as the pool has threads */
        ++readers->opened;
    }
    pthread_mutex_unlock(&readers->lock);
    return store;
}

/* puts one back, or (NULL) takes back the promise of pop */
static void push(cbx_readers_t *readers, cbx_store_t *store)
{
    pthread_mutex_lock(&readers->lock);
    if (store != NULL)
        readers->idle[readers->idle_len++] = store;
    else
        --readers->opened;
    pthread_mutex_unlock(&readers->lock);
}

cbx_store_t *cbx_readers_borrow(cbx_readers_t *readers)
{
    cbx_store_t *store = pop(readers);

    if (store == NULL && (store = cbx_store_open_reader(readers->to)) == NULL)
        push(readers, NULL);
    return store;
}

void cbx_readers_return(cbx_readers_t *readers, cbx_store_t *store)
{
    if (store != NULL)
        push(readers, store);
}
