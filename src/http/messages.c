/* messages.c -- saying something without a WebSocket: bots, curl. */
#include "http/call.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "http/pending.h"
#include "wire/names.h"

/* POST /api/rooms/{room}/messages: parse -> MESSAGE (core) -> 201 with the message; 200 where its cid was
 * there already */

static void on_said(cbx_command_t *cmd, void *local);

static const cbx_json_field_t fields[] = {
    {"cid", CBX_JSON_STRING, offsetof(cbx_request_t, cid)},
    {"text", CBX_JSON_STRING, offsetof(cbx_request_t, text)},
    {NULL, CBX_JSON_INT, 0},
};

static cbx_str_t random_cid(void)
{
    char hex[CBX_JTI_LEN + 1];

    cbx_token_new_id(hex);
    return (cbx_str_t){cbx_strdup(hex), CBX_JTI_LEN};
}

static cbx_err_t read_message(cbx_call_t *call, cbx_request_t *say)
{
    cbx_err_t err = cbx_call_body(call, fields, say);

    if (err != CBX_OK)
        return err;
    if (say->cid.bytes == NULL)
        say->cid = random_cid();
    if (!cbx_cid_valid(say->cid.bytes, say->cid.len) || say->text.bytes == NULL)
        return CBX_ERR_BAD_FRAME;
    return cbx_text_check(say->text.bytes, say->text.len, call->local->settings->message_limit);
}

cbx_err_t cbx_call_post(cbx_call_t *call)
{
    cbx_command_t *cmd = cbx_call_command(call, CBX_CMD_MESSAGE, on_said);
    cbx_err_t err = read_message(call, &cmd->req);

    if (err != CBX_OK) {
        cbx_command_free(cmd);
        return err;
    }
    cmd->req.type = CBX_REQ_MESSAGE;
    cmd->req.room = call->room;
    return cbx_submit_command(call->local, call->req, cmd);
}

static void on_said(cbx_command_t *cmd, void *local)
{
    h2o_req_t *req = cbx_pending_take(((cbx_local_t *)local)->pending, cmd->pending);

    if (req != NULL && cmd->err == CBX_OK)
        cbx_reply_bytes(req, cmd->dup ? 200 : 201, CBX_TYPE_JSON, cmd->body.bytes, cmd->body.len);
    else if (req != NULL)
        cbx_reply_error(req, cmd->err, NULL, cmd->retry_after);
    cbx_command_free(cmd);
}
