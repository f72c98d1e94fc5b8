/* profile.c -- changing one's display name and password.
 *
 * A new password takes the old one: a page that somebody left open, or a token that got away, must not be
 * enough to lock its owner out. Both are looked at in the pool, and the core changes all that was asked, or
 * nothing.
 */
#include "http/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "http/pending.h"
#include "http/reading.h"
#include "wire/password.h"

/* PATCH /api/me: parse -> with a password: is the old one right? argon2id (pool) -> PROFILE (core) -> 200,
 * the user */
static void on_run(cbx_job_t *job);
static void on_home(cbx_mail_t *mail, void *local);
static void on_changed(cbx_command_t *cmd, void *local);

/* what a client says */
struct profile {
    cbx_str_t display_name, password, old_password;
};

static const cbx_json_field_t fields[] = {
    {"display_name", CBX_JSON_STRING, offsetof(struct profile, display_name)},
    {"password", CBX_JSON_STRING, offsetof(struct profile, password)},
    {"old_password", CBX_JSON_STRING, offsetof(struct profile, old_password)},
    {NULL, CBX_JSON_INT, 0},
};

static void profile_dispose(struct profile *p)
{
    if (p->password.bytes != NULL)
        cbx_password_wipe(p->password.bytes, p->password.len);
    if (p->old_password.bytes != NULL)
        cbx_password_wipe(p->old_password.bytes, p->old_password.len);
    cbx_json_dispose(fields, p);
}

/* passwords on their way through the pool, with the command that follows them */
struct change_job {
    cbx_job_t job;
    cbx_command_t *cmd;
    cbx_token_t token;
    struct profile profile;
    cbx_readers_t *readers;
    uint64_t pending;
    cbx_try_t tried;
    cbx_err_t err;
};

static void change_job_free(struct change_job *job)
{
    profile_dispose(&job->profile);
    cbx_command_free(job->cmd);
    free(job);
}

/* takes the command, what is in `p`, and what is being tried */
static cbx_err_t submit_change(cbx_call_t *call, cbx_command_t *cmd, struct profile *p,
                               const cbx_try_t *tried)
{
    struct change_job *job = cbx_zalloc(sizeof(*job));
    cbx_err_t err;

    job->job.run = on_run;
    job->job.slow = true;
    job->cmd = cmd;
    job->token = call->token;
    job->profile = *p;
    job->tried = *tried;
    job->readers = call->local->readers;
    *p = (struct profile){{NULL, 0}, {NULL, 0}, {NULL, 0}};
    if ((err = cbx_submit_job(call->local, call->req, &job->job, &job->pending, on_home)) == CBX_OK)
        return CBX_OK;
    cbx_limits_tried(call->local->limits, tried, false, cbx_clock_steady());
    change_job_free(job);
    return err;
}

static cbx_err_t check(cbx_call_t *call, const struct profile *p)
{
    cbx_err_t err;

    if (p->display_name.bytes == NULL && p->password.bytes == NULL)
        return cbx_call_refuse(call, CBX_ERR_BAD_FRAME, "It takes a display_name, a password, or both");
    if (p->password.bytes != NULL && p->old_password.bytes == NULL)
        return cbx_call_refuse(call, CBX_ERR_BAD_FRAME, "A new password takes the old_password");
    if (p->display_name.bytes != NULL && (err = cbx_check_display_name(call, &p->display_name)) != CBX_OK)
        return err;
    return p->password.bytes != NULL ? cbx_check_password(call, &p->password) : CBX_OK;
}

static cbx_err_t change(cbx_call_t *call, struct profile *p)
{
    cbx_command_t *cmd;
    cbx_try_t tried;
    cbx_err_t err;

    if (p->password.bytes != NULL && (err = cbx_call_try(call, call->token.name, &tried)) != CBX_OK)
        return err;
    cmd = cbx_call_command(call, CBX_CMD_PROFILE, on_changed);
    if (p->display_name.bytes != NULL)
        memcpy(cmd->account.display_name, p->display_name.bytes, p->display_name.len);
    if (p->password.bytes != NULL)
        return submit_change(call, cmd, p, &tried);
    return cbx_submit_command(call->local, call->req, cmd);
}

cbx_err_t cbx_call_profile(cbx_call_t *call)
{
    struct profile p = {0};
    cbx_err_t err;

    if ((err = cbx_call_body(call, fields, &p)) == CBX_OK && (err = check(call, &p)) == CBX_OK)
        err = change(call, &p);
    profile_dispose(&p);
    return err;
}

static cbx_err_t find_caller(const struct change_job *job, cbx_store_user_t *user)
{
    cbx_store_t *store = cbx_readers_borrow(job->readers);
    cbx_err_t err = store != NULL ? cbx_reading_session(store, &job->token) : CBX_ERR_STORAGE_UNAVAILABLE;

    if (err == CBX_OK)
        err = cbx_store_user(store, job->token.user_id, user);
    cbx_readers_return(job->readers, store);
    return err == CBX_ERR_NOT_FOUND ? CBX_ERR_UNAUTHORIZED : err;
}

/* a guest has no password, so none is right */
static void on_run(cbx_job_t *self)
{
    struct change_job *job = (struct change_job *)self;
    const struct profile *p = &job->profile;
    cbx_store_user_t user = {0};

    if ((job->err = find_caller(job, &user)) == CBX_OK)
        job->err = cbx_password_verify(user.password_hash, p->old_password.bytes, p->old_password.len);
    if (job->err == CBX_OK)
        snprintf(job->cmd->account.old_hash, sizeof(job->cmd->account.old_hash), "%s", user.password_hash);
    if (job->err == CBX_OK)
        job->err = cbx_password_hash(job->cmd->account.password_hash, p->password.bytes, p->password.len);
    cbx_store_user_dispose(&user);
}

static void on_home(cbx_mail_t *mail, void *reader)
{
    struct change_job *job = (struct change_job *)mail;
    cbx_local_t *local = reader;
    h2o_req_t *req = cbx_pending_take(local->pending, job->pending);
    cbx_err_t err = job->err;

    /* counted with the wrong passwords at the door */
    cbx_limits_tried(local->limits, &job->tried, err == CBX_ERR_BAD_CREDENTIALS, cbx_clock_steady());
    if (req != NULL && err == CBX_OK) {
        err = cbx_submit_command(local, req, job->cmd);
        job->cmd = NULL;
    }
    if (req != NULL && err != CBX_OK)
        cbx_reply_error(req, err, NULL, 0);
    change_job_free(job);
}

static void reply_user(h2o_req_t *req, const cbx_user_t *user)
{
    cbx_json_t *json = cbx_json_create();

    cbx_put_user(json, user);
    cbx_reply_json(req, 200, json);
    cbx_json_free(json);
}

static void on_changed(cbx_command_t *cmd, void *local)
{
    h2o_req_t *req = cbx_pending_take(((cbx_local_t *)local)->pending, cmd->pending);

    if (req != NULL && cmd->err == CBX_OK)
        reply_user(req, &cmd->user);
    else if (req != NULL)
        cbx_reply_error(req, cmd->err, NULL, cmd->retry_after);
    cbx_command_free(cmd);
}
