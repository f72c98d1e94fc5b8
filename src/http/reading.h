/* reading.h -- a request that is answered from the database: one job, one snapshot, the answer encoded where
 * it is read.
 *
 *     worker                      pool                                              worker
 *     cbx_reading_submit ======>  session there? -> read(store, json)  == mail ==>  200, or the error
 */
#ifndef cbx_http_reading_h
#define cbx_http_reading_h

#include "http/call.h"
#include "wire/frame.h"

/* embed it first in a struct of your own, from cbx_zalloc, and fill `read` */
typedef struct cbx_reading cbx_reading_t;
struct cbx_reading {
    cbx_job_t job;
    /* writes the answer, or finds it; on a thread of the pool, within a snapshot */
    cbx_err_t (*read)(cbx_reading_t *reading, cbx_store_t *store, cbx_json_t *json);
    cbx_token_t token; /* the caller's; the session was there when `read` runs */
    cbx_readers_t *readers;
    uint64_t pending;
    cbx_frame_t *answer; /* what `read` wrote; or a reference of its own, where it found it encoded */
    cbx_err_t err;
};

/* is the token's session still there? CBX_ERR_UNAUTHORIZED: it was logged out; on a thread of the pool */
cbx_err_t cbx_reading_session(cbx_store_t *store, const cbx_token_t *token);
/* `json` is the answer, for which there is room; for a `read` that needs the frame */
void cbx_reading_answer(cbx_reading_t *reading, cbx_json_t *json);
/* takes the reading, always */
cbx_err_t cbx_reading_submit(cbx_call_t *call, cbx_reading_t *reading);

#endif
