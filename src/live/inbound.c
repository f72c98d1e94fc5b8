/* inbound.c -- what a client says: admitted, read, and sent to the core as a command that knows its way back.
 */
#include "live/inbound.h"

#include <string.h>

#include "base/clock.h"
#include "base/stats.h"
#include "live/hub_inside.h"

/* frames a second, for each message a second that is allowed: typing, read, ping; and the least of that */
enum { FRAMES_PER_MESSAGE = 10, FRAMES_MIN = 50 };

static void tell_error(cbx_session_t *s, cbx_err_t err, const char *cid, double retry_after)
{
    CBX_COUNT(errors_out, 1);
    cbx_json_begin(s->hub->json);
    cbx_put_error(s->hub->json, err, cid, NULL, retry_after);
    cbx_session_tell(s, s->hub->json);
}

/* takes the request's content; false: the core does not want it, and the client knows */
static bool submit(cbx_session_t *s, cbx_command_type_t type, cbx_request_t *req)
{
    cbx_command_t *cmd = cbx_command_new(type);
    char cid[CBX_CID_MAX + 1] = "";
    cbx_err_t err;

    if (req->cid.bytes != NULL && req->cid.len <= CBX_CID_MAX)
        memcpy(cid, req->cid.bytes, req->cid.len);
    cmd->session = s->id;
    if (s->token != NULL) {
        cmd->user_id = s->token->user_id;
        memcpy(cmd->jti, s->token->jti, sizeof(cmd->jti));
    }
    cmd->req = *req;
    memset(req, 0, sizeof(*req));
    if ((err = cbx_core_submit(s->hub->local->core, cmd)) != CBX_OK)
        tell_error(s, err, cid[0] != '\0' ? cid : NULL, err == CBX_ERR_RATE_LIMITED ? 1 : 0);
    return err == CBX_OK;
}

/* who is welcome already needs none: the core has his */
static bool has_good_token(const cbx_session_t *s, const cbx_str_t *text, cbx_token_t *token)
{
    if (text->bytes == NULL)
        return s->token != NULL || s->state == CBX_OPEN;
    return cbx_token_verify(s->hub->local->settings, text->bytes, text->len, cbx_clock_wall() / 1000,
                            token) == CBX_OK;
}

static void on_hello(cbx_session_t *s, cbx_request_t *req)
{
    cbx_token_t token;

    if (!has_good_token(s, &req->token, &token)) {
        cbx_session_close(s, CBX_BAD_TOKEN);
        return;
    }
    if (s->asking ||
        cbx_outbound_bytes(&s->out) !=
            cbx_outbound_waiting(&s->out)) { /* the hello before is not answered, or the answer not read */
        tell_error(s, CBX_ERR_RATE_LIMITED, NULL, 1);
        return;
    }
    if (req->token.bytes != NULL)
        cbx_session_take_token(s, &token);
    s->greeted = s->asking = true;
    if (!submit(s, CBX_CMD_HELLO, req))
        s->asking = false;
}

static void on_request(cbx_session_t *s, cbx_request_t *req)
{
    static const cbx_command_type_t commands[CBX_REQ_TYPES] = {
        [CBX_REQ_MESSAGE] = CBX_CMD_MESSAGE, [CBX_REQ_EDIT] = CBX_CMD_EDIT, [CBX_REQ_DELETE] = CBX_CMD_DELETE,
        [CBX_REQ_TYPING] = CBX_CMD_TYPING,   [CBX_REQ_READ] = CBX_CMD_READ,
    };

    if (req->type == CBX_REQ_HELLO) {
        on_hello(s, req);
    } else if (req->type == CBX_REQ_PING) {
        cbx_json_begin(s->hub->json);
        cbx_put_pong(s->hub->json, cbx_clock_wall());
        cbx_session_tell(s, s->hub->json);
    } else {
        submit(s, commands[req->type], req);
    }
}

/* true while the client keeps to what is fair; the burst is twice the rate, as for messages */
bool cbx_inbound_admit(cbx_session_t *s)
{
    uint32_t now = (uint32_t)cbx_clock_steady();
    double rate = s->hub->local->settings->rate * FRAMES_PER_MESSAGE;

    if (rate == 0)
        return true;
    if (rate < FRAMES_MIN)
        rate = FRAMES_MIN;
    s->frames += (float)((double)(now - s->frames_at) / 1000 * rate);
    s->frames_at = now;
    if (s->frames > rate * 2)
        s->frames = (float)rate * 2;
    return --s->frames >= 0;
}

void cbx_inbound_start(cbx_session_t *s)
{
    s->frames = FRAMES_MIN * 2;
    s->frames_at = (uint32_t)s->heard_at;
}

void cbx_inbound_text(cbx_session_t *s, const char *text, size_t len)
{
    cbx_request_t req;
    cbx_err_t err;

    CBX_COUNT(frames_in, 1);
    err = cbx_request_parse(text, len, s->hub->local->settings->message_limit, &req);
    if (!s->greeted && (err != CBX_OK || req.type != CBX_REQ_HELLO))
        cbx_session_close(s, CBX_NO_HELLO);
    else if (err != CBX_OK)
        tell_error(s, err, req.cid.bytes, 0);
    else
        on_request(s, &req);
    cbx_request_dispose(&req);
}
