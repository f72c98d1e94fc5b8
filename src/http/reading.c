/* reading.c -- a request that is answered from the database. The worker neither waits nor encodes. */
#include "http/reading.h"

#include <stdlib.h>

#include "base/memory.h"
#include "http/pending.h"

static void on_run(cbx_job_t *job);
static void on_home(cbx_mail_t *mail, void *local);

static void reading_free(cbx_reading_t *reading)
{
    cbx_frame_unref(reading->answer);
    free(reading);
}

cbx_err_t cbx_reading_submit(cbx_call_t *call, cbx_reading_t *reading)
{
    cbx_err_t err;

    reading->job.run = on_run;
    reading->token = call->token;
    reading->readers = call->local->readers;
    if ((err = cbx_submit_job(call->local, call->req, &reading->job, &reading->pending, on_home)) != CBX_OK)
        reading_free(reading);
    return err;
}

cbx_err_t cbx_reading_session(cbx_store_t *store, const cbx_token_t *token)
{
    int64_t user_id;
    cbx_err_t err = cbx_store_session(store, token->jti, &user_id);

    if (err == CBX_ERR_NOT_FOUND || (err == CBX_OK && user_id != token->user_id))
        return CBX_ERR_UNAUTHORIZED;
    return err;
}

static cbx_err_t read_snapshot(cbx_reading_t *reading, cbx_store_t *store, cbx_json_t *json)
{
    cbx_err_t err = cbx_store_snapshot(store);

    if (err != CBX_OK)
        return err;
    if ((err = cbx_reading_session(store, &reading->token)) == CBX_OK)
        err = reading->read(reading, store, json);
    cbx_store_snapshot_end(store);
    return err;
}

void cbx_reading_answer(cbx_reading_t *reading, cbx_json_t *json)
{
    size_t len;
    const char *bytes = cbx_json_bytes(json, &len);

    reading->answer = cbx_frame_copy(bytes, len);
}

/* most answers are small, and need not ask before */
static cbx_err_t answer(cbx_reading_t *reading, cbx_json_t *json)
{
    size_t len;

    cbx_json_bytes(json, &len);
    if (!cbx_memory_has_room(0, len))
        return CBX_ERR_OVERLOADED;
    cbx_reading_answer(reading, json);
    return CBX_OK;
}

static void on_run(cbx_job_t *job)
{
    cbx_reading_t *reading = (cbx_reading_t *)job;
    cbx_store_t *store = cbx_readers_borrow(reading->readers);
    cbx_json_t *json = cbx_json_create();

    reading->err = store != NULL ? read_snapshot(reading, store, json) : CBX_ERR_STORAGE_UNAVAILABLE;
    cbx_readers_return(reading->readers, store);
    if (reading->err == CBX_OK && reading->answer == NULL)
        reading->err = answer(reading, json);
    cbx_json_free(json);
}

static void on_home(cbx_mail_t *mail, void *local)
{
    cbx_reading_t *reading = (cbx_reading_t *)mail;
    h2o_req_t *req = cbx_pending_take(((cbx_local_t *)local)->pending, reading->pending);

    if (req != NULL && reading->err == CBX_OK)
        cbx_reply_frame(req, 200, CBX_TYPE_JSON, reading->answer);
    else if (req != NULL)
        cbx_reply_error(req, reading->err, NULL, 0);
    reading_free(reading);
}
