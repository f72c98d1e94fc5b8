/* readers.c -- a stack of reading connections: whoever borrows gets the one that was used last, whose pages
 * are warm. All are opened at once: a file that is removed later can still be read by who has it open.
 */
#include "store/readers.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

struct cbx_readers {
    pthread_mutex_t lock;
    pthread_cond_t open; /* the gate is */
    const cbx_store_t *to;
    unsigned max, opened, idle_len; /* under the lock */
    int64_t closed_until;           /* under the lock; ms, steady: whoever wants to begin waits until then */
    cbx_store_t *idle[];
};

cbx_readers_t *cbx_readers_create(const cbx_store_t *to, unsigned n)
{
    cbx_readers_t *readers = cbx_zalloc(sizeof(*readers) + n * sizeof(readers->idle[0]));

    pthread_condattr_t steady;
    cbx_store_t *store;

    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&readers->open, &steady);
    pthread_condattr_destroy(&steady);
    pthread_mutex_init(&readers->lock, NULL);
    readers->to = to;
    readers->max = n;
    for (; readers->opened != n && (store = cbx_store_open_reader(to)) != NULL; ++readers->opened)
        readers->idle[readers->idle_len++] = store;
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
    pthread_cond_destroy(&readers->open);
    free(readers);
}

/* under the lock */
static void wait_for_gate(cbx_readers_t *readers)
{
    while (cbx_clock_steady() < readers->closed_until) {
        struct timespec at = {readers->closed_until / 1000, readers->closed_until % 1000 * 1000000};

        pthread_cond_timedwait(&readers->open, &readers->lock, &at);
    }
}

/* an idle connection; or NULL, and then the caller may open one more */
static cbx_store_t *pop(cbx_readers_t *readers)
{
    cbx_store_t *store = NULL;

    pthread_mutex_lock(&readers->lock);
    wait_for_gate(readers);
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

bool cbx_readers_stop(cbx_readers_t *readers, int64_t until)
{
    bool quiet;

    pthread_mutex_lock(&readers->lock);
    readers->closed_until = until;
    quiet = readers->idle_len == readers->opened;
    pthread_mutex_unlock(&readers->lock);
    return quiet;
}

void cbx_readers_go_on(cbx_readers_t *readers)
{
    pthread_mutex_lock(&readers->lock);
    readers->closed_until = 0;
    pthread_cond_broadcast(&readers->open);
    pthread_mutex_unlock(&readers->lock);
}
