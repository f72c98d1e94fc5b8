/* readers.h -- reading connections for the jobs of the pool: borrow one, read, give it back. */
#ifndef cbx_store_readers_h
#define cbx_store_readers_h

#include "store/store.h"

typedef struct cbx_readers cbx_readers_t;

/* `n` connections beside the writer `to`; n is the number of the pool's threads, so nobody waits for one.
 * What cannot be opened now is tried again when it is needed */
cbx_readers_t *cbx_readers_create(const cbx_store_t *to, unsigned n);
/* all must be back */
void cbx_readers_free(cbx_readers_t *readers);
/* lends a connection until cbx_readers_return; NULL when the database cannot be opened; threads of the pool.
 * Waits while cbx_readers_stop says so */
cbx_store_t *cbx_readers_borrow(cbx_readers_t *readers);
/* takes it back; NULL is harmless */
void cbx_readers_return(cbx_readers_t *readers, cbx_store_t *store);
/* until then (ms, steady), or cbx_readers_go_on, nobody begins to read; true when nobody does */
bool cbx_readers_stop(cbx_readers_t *readers, int64_t until);
void cbx_readers_go_on(cbx_readers_t *readers);

#endif
