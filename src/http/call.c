/* call.c -- what the handlers of the API share: the body in, and the ways to the core and the pool. */
#include "http/call.h"

#include <string.h>

#include "base/clock.h"
#include "http/client.h"
#include "http/pending.h"
#include "wire/password.h"

/* a text of `message_limit` bytes in JSON, where each may be written \u00XX; and room for the rest */
static size_t body_limit(const cbx_settings_t *settings)
{
    return 64 * 1024 + 6 * settings->message_limit;
}

cbx_err_t cbx_call_try(cbx_call_t *call, const char *username, cbx_try_t *tried)
{
    cbx_address_t address = cbx_client_address(call->req, call->local->settings);

    call->retry_after = cbx_limits_try(call->local->limits, username, &address, cbx_clock_steady(), tried);
    return call->retry_after > 0 ? CBX_ERR_RATE_LIMITED : CBX_OK;
}

void cbx_call_forget_body(h2o_req_t *req)
{
    if (req->entity.base != NULL)
        cbx_password_wipe(req->entity.base, req->entity.len);
}

cbx_err_t cbx_call_body(cbx_call_t *call, const cbx_json_field_t *fields, void *into)
{
    h2o_iovec_t body = call->req->entity;
    cbx_err_t err;

    if (body.base == NULL)
        body = h2o_iovec_init(H2O_STRLIT(""));
    if (body.len > body_limit(call->local->settings))
        return CBX_ERR_TOO_LARGE;
    err = cbx_json_read(body.base, body.len, fields, into);
    cbx_call_forget_body(call->req);
    return err;
}

cbx_err_t cbx_call_refuse(cbx_call_t *call, cbx_err_t err, const char *detail)
{
    call->detail = detail;
    return err;
}

cbx_command_t *cbx_call_command(const cbx_call_t *call, cbx_command_type_t type,
                                void (*done)(cbx_command_t *cmd, void *local))
{
    cbx_command_t *cmd = cbx_command_new(type);

    cmd->home = &call->local->mailbox;
    cmd->done = done;
    if (call->known) {
        cmd->user_id = call->token.user_id;
        memcpy(cmd->jti, call->token.jti, sizeof(cmd->jti));
    }
    return cmd;
}

cbx_err_t cbx_submit_command(cbx_local_t *local, h2o_req_t *req, cbx_command_t *cmd)
{
    uint64_t number = cmd->pending = cbx_pending_add(local->pending, req);
    cbx_err_t err = cbx_core_submit(local->core, cmd);

    if (err != CBX_OK)
        cbx_pending_take(local->pending, number);
    return err;
}

cbx_err_t cbx_submit_job(cbx_local_t *local, h2o_req_t *req, cbx_job_t *job, uint64_t *pending,
                         void (*home)(cbx_mail_t *mail, void *local))
{
    uint64_t number = *pending = cbx_pending_add(local->pending, req);
    cbx_err_t err;

    job->mail.deliver = home;
    job->home = &local->mailbox;
    if ((err = cbx_pool_submit(local->pool, job)) != CBX_OK)
        cbx_pending_take(local->pending, number);
    return err;
}
