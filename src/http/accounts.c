/* accounts.c -- registering, logging in and out, and who one is.
 *
 * Passwords are hashed and checked in the pool, names and sessions are decided by the core, and the answer is
 * made where the request is. Who tries too much is refused before any of that (http/limits.c). A wrong
 * password, a name that nobody has and a guest's name cost the same time and get the same answer.
 */
#include "http/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "http/client.h"
#include "http/pending.h"
#include "http/reading.h"
#include "wire/names.h"
#include "wire/password.h"

/* POST /api/register: parse -> too many? -> argon2id (pool) -> REGISTER (core) -> 201, a session
 * POST /api/login:    parse -> too many? -> look up, argon2id (pool) -> LOGIN (core) -> 200, a session
 *                     parse, no password -> too many? -> GUEST (core) -> 200, a session */
static void on_hash(cbx_job_t *job);
static void on_verify(cbx_job_t *job);
static void on_password_done(cbx_mail_t *mail, void *local);
static void on_session(cbx_command_t *cmd, void *local);

/* what a client says */
struct credentials {
    cbx_str_t username, password, display_name;
};

static const cbx_json_field_t fields[] = {
    {"display_name", CBX_JSON_STRING, offsetof(struct credentials, display_name)},
    {"username", CBX_JSON_STRING, offsetof(struct credentials, username)},
    {"password", CBX_JSON_STRING, offsetof(struct credentials, password)},
    {NULL, CBX_JSON_INT, 0},
};
static const cbx_json_field_t *const login_fields = fields + 1; /* all but display_name */

static void credentials_dispose(struct credentials *c)
{
    if (c->password.bytes != NULL)
        cbx_password_wipe(c->password.bytes, c->password.len);
    cbx_json_dispose(fields, c);
}

/* a password on its way through the pool, with the command that follows it */
struct password_job {
    cbx_job_t job;
    cbx_command_t *cmd;
    cbx_str_t password;
    cbx_readers_t *readers;
    uint64_t pending;
    bool looks; /* at a password that may be wrong ... */
    cbx_try_t tried;
    cbx_err_t err;
};

static void password_job_free(struct password_job *job)
{
    cbx_password_wipe(job->password.bytes, job->password.len);
    free(job->password.bytes);
    cbx_command_free(job->cmd);
    free(job);
}

/* takes the command, the password out of `c`, and what is being tried (NULL: nothing, the password is new) */
static cbx_err_t submit_password(cbx_call_t *call, void (*run)(cbx_job_t *job), cbx_command_t *cmd,
                                 struct credentials *c, const cbx_try_t *tried)
{
    struct password_job *job = cbx_zalloc(sizeof(*job));
    cbx_err_t err;

    job->job.run = run;
    job->job.slow = true;
    job->cmd = cmd;
    job->password = c->password;
    job->readers = call->local->readers;
    if ((job->looks = tried != NULL))
        job->tried = *tried;
    c->password = (cbx_str_t){NULL, 0};
    if ((err = cbx_submit_job(call->local, call->req, &job->job, &job->pending, on_password_done)) == CBX_OK)
        return CBX_OK;
    if (tried != NULL)
        cbx_limits_tried(call->local->limits, tried, false, cbx_clock_steady());
    password_job_free(job);
    return err;
}

/* a command that opens a session */
static cbx_command_t *session_command(const cbx_call_t *call, cbx_command_type_t type,
                                      const struct credentials *c)
{
    cbx_command_t *cmd = cbx_call_command(call, type, on_session);
    cbx_account_t *account = &cmd->account;

    cbx_token_new_id(account->jti);
    account->expires_at = cbx_clock_wall() / 1000 + call->local->settings->token_lifetime;
    if (cbx_username_valid(c->username.bytes, c->username.len))
        /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): no name is not valid */
        memcpy(account->username, c->username.bytes, c->username.len);
    if (c->display_name.bytes != NULL && cbx_display_name_valid(c->display_name.bytes, c->display_name.len))
        memcpy(account->display_name, c->display_name.bytes, c->display_name.len);
    return cmd;
}

cbx_err_t cbx_check_username(cbx_call_t *call, const cbx_str_t *name)
{
    if (!cbx_username_valid(name->bytes, name->len))
        return cbx_call_refuse(call, CBX_ERR_BAD_NAME,
                               "A name is 1 to 32 of the characters A-Z a-z 0-9 _ . -");
    return CBX_OK;
}

cbx_err_t cbx_check_display_name(cbx_call_t *call, const cbx_str_t *name)
{
    if (!cbx_display_name_valid(name->bytes, name->len))
        return cbx_call_refuse(call, CBX_ERR_BAD_NAME,
                               "A display name is 1 to 64 characters, none a control character");
    return CBX_OK;
}

cbx_err_t cbx_check_password(cbx_call_t *call, const cbx_str_t *password)
{
    if (password->len < CBX_PASSWORD_MIN || password->len > CBX_PASSWORD_MAX)
        return cbx_call_refuse(call, CBX_ERR_WEAK_PASSWORD, "A password is 8 to 256 bytes");
    return CBX_OK;
}

static cbx_err_t check_registration(cbx_call_t *call, const struct credentials *c)
{
    cbx_err_t err;

    if (c->username.bytes == NULL || c->password.bytes == NULL)
        return cbx_call_refuse(call, CBX_ERR_BAD_FRAME, "It takes a username and a password");
    if ((err = cbx_check_username(call, &c->username)) != CBX_OK ||
        (c->display_name.bytes != NULL && (err = cbx_check_display_name(call, &c->display_name)) != CBX_OK))
        return err;
    return cbx_check_password(call, &c->password);
}

/* new names are for everybody to take, but not all of them for one */
static cbx_err_t count_login(cbx_call_t *call)
{
    cbx_address_t address = cbx_client_address(call->req, call->local->settings);

    call->retry_after = cbx_limits_login(call->local->limits, &address, cbx_clock_steady());
    return call->retry_after > 0 ? CBX_ERR_RATE_LIMITED : CBX_OK;
}

cbx_err_t cbx_call_register(cbx_call_t *call)
{
    struct credentials c = {0};
    cbx_err_t err;

    if (!call->local->settings->registration)
        return cbx_call_refuse(call, CBX_ERR_FORBIDDEN, "Nobody can register here");
    if ((err = cbx_call_body(call, fields, &c)) == CBX_OK && (err = check_registration(call, &c)) == CBX_OK &&
        (err = count_login(call)) == CBX_OK)
        err = submit_password(call, on_hash, session_command(call, CBX_CMD_REGISTER, &c), &c, NULL);
    credentials_dispose(&c);
    return err;
}

static cbx_err_t login_as_guest(cbx_call_t *call, const struct credentials *c)
{
    cbx_err_t err;

    if (!call->local->settings->guests)
        return cbx_call_refuse(call, CBX_ERR_FORBIDDEN, "Guests are not let in here: it takes a password");
    if ((err = cbx_check_username(call, &c->username)) != CBX_OK || (err = count_login(call)) != CBX_OK)
        return err;
    return cbx_submit_command(call->local, call->req, session_command(call, CBX_CMD_GUEST, c));
}

/* the rules for names and passwords are not asked here: what they forbid is wrong like anything else, and as
 * slowly */
static cbx_err_t login_with_password(cbx_call_t *call, struct credentials *c)
{
    cbx_command_t *cmd = session_command(call, CBX_CMD_LOGIN, c);

    cbx_try_t tried;
    cbx_err_t err;

    cmd->user_id = 0; /* whose it is, the password tells */
    if ((err = cbx_call_try(call, cmd->account.username, &tried)) == CBX_OK)
        return submit_password(call, on_verify, cmd, c, &tried);
    cbx_command_free(cmd);
    return err;
}

cbx_err_t cbx_call_login(cbx_call_t *call)
{
    struct credentials c = {0};
    cbx_err_t err = cbx_call_body(call, login_fields, &c);

    if (err == CBX_OK && c.username.bytes == NULL)
        err = cbx_call_refuse(call, CBX_ERR_BAD_FRAME, "It takes a username");
    if (err == CBX_OK)
        err = c.password.bytes != NULL ? login_with_password(call, &c) : login_as_guest(call, &c);
    credentials_dispose(&c);
    return err;
}

static void on_hash(cbx_job_t *self)
{
    struct password_job *job = (struct password_job *)self;

    job->err = cbx_password_hash(job->cmd->account.password_hash, job->password.bytes, job->password.len);
}

static cbx_err_t find_user(cbx_readers_t *readers, const char *username, cbx_store_user_t *user)
{
    cbx_store_t *store = cbx_readers_borrow(readers);
    cbx_err_t err =
        store != NULL ? cbx_store_user_by_name(store, username, user) : CBX_ERR_STORAGE_UNAVAILABLE;

    cbx_readers_return(readers, store);
    return err == CBX_ERR_NOT_FOUND ? CBX_OK : err;
}

static void on_verify(cbx_job_t *self)
{
    struct password_job *job = (struct password_job *)self;
    cbx_store_user_t user = {0};

    if ((job->err = find_user(job->readers, job->cmd->account.username, &user)) != CBX_OK)
        return;
    job->err = cbx_password_verify(user.password_hash, job->password.bytes, job->password.len);
    if (job->err == CBX_OK && job->password.len > CBX_PASSWORD_MAX)
        job->err = CBX_ERR_BAD_CREDENTIALS;
    if (job->err == CBX_OK) {
        job->cmd->user_id = user.user.id;
        snprintf(job->cmd->account.password_hash, CBX_PASSWORD_HASH, "%s", user.password_hash);
    }
    cbx_store_user_dispose(&user);
}

static void on_password_done(cbx_mail_t *mail, void *reader)
{
    struct password_job *job = (struct password_job *)mail;
    cbx_local_t *local = reader;
    h2o_req_t *req = cbx_pending_take(local->pending, job->pending);
    cbx_err_t err = job->err;

    if (job->looks)
        cbx_limits_tried(local->limits, &job->tried, err == CBX_ERR_BAD_CREDENTIALS, cbx_clock_steady());
    if (req != NULL && err == CBX_OK) {
        err = cbx_submit_command(local, req, job->cmd);
        job->cmd = NULL;
    }
    if (req != NULL && err != CBX_OK)
        cbx_reply_error(req, err, NULL, 0);
    password_job_free(job);
}

static void reply_session(h2o_req_t *req, const cbx_settings_t *settings, const cbx_command_t *cmd)
{
    cbx_token_t token = {
        .user_id = cmd->user.id, .issued_at = cbx_clock_wall() / 1000, .expires_at = cmd->account.expires_at};
    cbx_json_t *json = cbx_json_create();
    char *text;

    memcpy(token.name, cmd->user.username, sizeof(token.name));
    memcpy(token.jti, cmd->account.jti, sizeof(token.jti));
    text = cbx_token_sign(settings, &token);
    cbx_json_open(json);
    cbx_json_put_text(json, "token", text);
    cbx_json_put_int(json, "expires_at", token.expires_at * 1000);
    cbx_json_key(json, "user");
    cbx_put_user(json, &cmd->user);
    cbx_json_close(json);
    cbx_reply_cookie(req, text, token.expires_at - token.issued_at);
    cbx_reply_json(req, cmd->type == CBX_CMD_REGISTER ? 201 : 200, json);
    cbx_json_free(json);
    free(text);
}

static void on_session(cbx_command_t *cmd, void *reader)
{
    cbx_local_t *local = reader;
    h2o_req_t *req = cbx_pending_take(local->pending, cmd->pending);

    if (req != NULL && cmd->err == CBX_OK)
        reply_session(req, local->settings, cmd);
    else if (req != NULL)
        cbx_reply_error(req, cmd->err, NULL, cmd->retry_after);
    cbx_command_free(cmd);
}

/* POST /api/logout: LOGOUT (core) -> 204, the cookie is cleared */
static void on_logged_out(cbx_command_t *cmd, void *local);

cbx_err_t cbx_call_logout(cbx_call_t *call)
{
    int64_t everywhere;
    const cbx_parameter_t parameters[] = {{"everywhere", &everywhere}, {NULL, NULL}};
    cbx_command_t *cmd;

    if (cbx_query_read(call->query, parameters) != CBX_OK || everywhere > 1)
        return cbx_call_refuse(call, CBX_ERR_BAD_FRAME, "everywhere is 0 or 1");
    cmd = cbx_call_command(call, CBX_CMD_LOGOUT, on_logged_out);
    cmd->everywhere = everywhere == 1;
    return cbx_submit_command(call->local, call->req, cmd);
}

static void on_logged_out(cbx_command_t *cmd, void *local)
{
    h2o_req_t *req = cbx_pending_take(((cbx_local_t *)local)->pending, cmd->pending);

    if (req != NULL && cmd->err == CBX_OK) {
        cbx_reply_clear_cookie(req);
        cbx_reply_nothing(req);
    } else if (req != NULL) {
        cbx_reply_error(req, cmd->err, NULL, cmd->retry_after);
    }
    cbx_command_free(cmd);
}

/* GET /api/me: a reader: the user -> 200 */
static cbx_err_t on_read_user(cbx_reading_t *reading, cbx_store_t *store, cbx_json_t *json);

cbx_err_t cbx_call_me(cbx_call_t *call)
{
    cbx_reading_t *reading = cbx_zalloc(sizeof(*reading));

    reading->read = on_read_user;
    return cbx_reading_submit(call, reading);
}

static cbx_err_t on_read_user(cbx_reading_t *reading, cbx_store_t *store, cbx_json_t *json)
{
    cbx_store_user_t row = {0};
    cbx_err_t err = cbx_store_user(store, reading->token.user_id, &row);

    if (err == CBX_OK)
        cbx_put_user(json, &row.user);
    cbx_store_user_dispose(&row);
    return err == CBX_ERR_NOT_FOUND ? CBX_ERR_UNAUTHORIZED : err;
}
