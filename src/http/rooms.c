/* rooms.c -- rooms, and who is in them. The core decides all of it; here stands what a request may say, and
 * the status of the answer. Who may do what, chat/rooms.c tells.
 */
#include "http/call.h"

#include <string.h>

#include "base/buf.h"
#include "http/pending.h"
#include "wire/names.h"

/* each of them: what is asked? -> a command (core) -> on_answer: the room, or a list; 204 for who left */
static void on_answer(cbx_command_t *cmd, void *local);

/* what a client says of a room */
struct wanted {
    cbx_str_t kind, name, topic;
};

static const cbx_json_field_t fields[] = {
    {"kind", CBX_JSON_STRING, offsetof(struct wanted, kind)},
    {"name", CBX_JSON_STRING, offsetof(struct wanted, name)},
    {"topic", CBX_JSON_STRING, offsetof(struct wanted, topic)},
    {NULL, CBX_JSON_INT, 0},
};
static const cbx_json_field_t *const edit_fields = fields + 1; /* all but kind */

static const cbx_json_field_t username_field[] = {
    {"username", CBX_JSON_STRING, 0},
    {NULL, CBX_JSON_INT, 0},
};

static cbx_err_t submit(cbx_call_t *call, cbx_command_t *cmd)
{
    cmd->req.room = call->room;
    return cbx_submit_command(call->local, call->req, cmd);
}

/* -- GET /api/rooms -- */

cbx_err_t cbx_call_rooms(cbx_call_t *call)
{
    return submit(call, cbx_call_command(call, CBX_CMD_ROOMS, on_answer));
}

/* -- POST /api/rooms, PATCH /api/rooms/{room} -- */

static size_t count_characters(const cbx_str_t *text)
{
    size_t n = 0;

    for (size_t i = 0; i != text->len; ++i)
        n += (text->bytes[i] & 0xc0) != 0x80;
    return n;
}

/* `name` and `topic` where they are there */
static cbx_err_t check_texts(cbx_call_t *call, const struct wanted *w)
{
    if (w->name.bytes != NULL && !cbx_room_name_valid(w->name.bytes, w->name.len))
        return cbx_call_refuse(call, CBX_ERR_BAD_NAME,
                               "A room's name is 1 to 64 characters, none a control character");
    if (w->topic.bytes == NULL || cbx_topic_valid(w->topic.bytes, w->topic.len))
        return CBX_OK;
    if (count_characters(&w->topic) > CBX_TOPIC_MAX / 4)
        return cbx_call_refuse(call, CBX_ERR_TOO_LONG, "A topic is 250 characters at most");
    return cbx_call_refuse(call, CBX_ERR_BAD_FRAME, "A topic has no control characters");
}

static cbx_err_t check_new(cbx_call_t *call, const struct wanted *w, cbx_room_kind_t *kind)
{
    if (w->kind.bytes == NULL || strlen(w->kind.bytes) != w->kind.len ||
        !cbx_room_kind_parse(w->kind.bytes, kind) || *kind == CBX_ROOM_DIRECT)
        return cbx_call_refuse(call, CBX_ERR_BAD_FRAME, "The kind of a room is public or private");
    if (w->name.bytes == NULL)
        return cbx_call_refuse(call, CBX_ERR_BAD_FRAME, "It takes a kind and a name");
    return check_texts(call, w);
}

static cbx_err_t check_edit(cbx_call_t *call, const struct wanted *w)
{
    if (w->name.bytes == NULL && w->topic.bytes == NULL)
        return cbx_call_refuse(call, CBX_ERR_BAD_FRAME, "It takes a name, a topic, or both");
    return check_texts(call, w);
}

/* the command takes name and topic out of `w` */
static cbx_err_t submit_wanted(cbx_call_t *call, cbx_command_type_t type, cbx_room_kind_t kind,
                               struct wanted *w)
{
    cbx_command_t *cmd = cbx_call_command(call, type, on_answer);

    cmd->room = (cbx_room_change_t){.kind = kind, .name = w->name.bytes, .topic = w->topic.bytes};
    w->name = w->topic = (cbx_str_t){NULL, 0};
    return submit(call, cmd);
}

cbx_err_t cbx_call_create(cbx_call_t *call)
{
    struct wanted w = {0};
    cbx_room_kind_t kind = CBX_ROOM_PUBLIC;
    cbx_err_t err;

    if ((err = cbx_call_body(call, fields, &w)) == CBX_OK && (err = check_new(call, &w, &kind)) == CBX_OK)
        err = submit_wanted(call, CBX_CMD_CREATE, kind, &w);
    cbx_json_dispose(fields, &w);
    return err;
}

cbx_err_t cbx_call_edit_room(cbx_call_t *call)
{
    struct wanted w = {0};
    cbx_err_t err;

    if ((err = cbx_call_body(call, edit_fields, &w)) == CBX_OK && (err = check_edit(call, &w)) == CBX_OK)
        err = submit_wanted(call, CBX_CMD_EDIT_ROOM, CBX_ROOM_PUBLIC, &w); /* a kind never changes */
    cbx_json_dispose(edit_fields, &w);
    return err;
}

/* -- POST /api/direct, POST and DELETE /api/rooms/{room}/members -- */

/* a command about the user of that name (empty: about the caller) */
static cbx_err_t submit_name(cbx_call_t *call, cbx_command_type_t type, const char *name, size_t len)
{
    cbx_command_t *cmd = cbx_call_command(call, type, on_answer);

    if (len != 0) /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): then there is one */
        memcpy(cmd->account.username, name, len);
    return submit(call, cmd);
}

cbx_err_t cbx_call_direct(cbx_call_t *call)
{
    cbx_str_t name = {NULL, 0};
    cbx_err_t err = cbx_call_body(call, username_field, &name);

    if (err == CBX_OK && name.bytes == NULL)
        err = cbx_call_refuse(call, CBX_ERR_BAD_FRAME, "It takes a username");
    if (err == CBX_OK && (err = cbx_check_username(call, &name)) == CBX_OK)
        err = submit_name(call, CBX_CMD_DIRECT, name.bytes, name.len);
    cbx_json_dispose(username_field, &name);
    return err;
}

/* who joins need not say anything, not even {} */
cbx_err_t cbx_call_join(cbx_call_t *call)
{
    cbx_str_t name = {NULL, 0};
    cbx_err_t err = CBX_OK;

    if (call->req->entity.len != 0)
        err = cbx_call_body(call, username_field, &name);
    if (err == CBX_OK && name.bytes != NULL)
        err = cbx_check_username(call, &name);
    if (err == CBX_OK)
        err = submit_name(call, CBX_CMD_JOIN, name.bytes != NULL ? name.bytes : "", name.len);
    cbx_json_dispose(username_field, &name);
    return err;
}

cbx_err_t cbx_call_leave(cbx_call_t *call)
{
    return submit_name(call, CBX_CMD_LEAVE, call->username.base, call->username.len);
}

/* -- GET /api/rooms/{room}/members -- */

static cbx_err_t read_page(cbx_slice_t query, cbx_member_page_t *page)
{
    int64_t limit, online;
    cbx_slice_t after;
    const cbx_parameter_t parameters[] = {{"limit", &limit}, {"online", &online}, {NULL, NULL}};
    cbx_err_t err;

    if ((err = cbx_query_read(query, parameters)) != CBX_OK ||
        (err = cbx_query_text(query, "after", &after)) != CBX_OK)
        return err;
    if (limit == 0 || limit > CBX_PAGE_MAX || online > 1 ||
        (after.base != NULL && !cbx_username_valid(after.base, after.len)))
        return CBX_ERR_BAD_FRAME;
    *page = (cbx_member_page_t){.limit = limit == -1 ? CBX_PAGE_DEFAULT : (int)limit, .online = online == 1};
    if (after.base != NULL)
        memcpy(page->after, after.base, after.len);
    return CBX_OK;
}

cbx_err_t cbx_call_members(cbx_call_t *call)
{
    cbx_member_page_t page;
    cbx_command_t *cmd;

    if (read_page(call->query, &page) != CBX_OK)
        return cbx_call_refuse(call, CBX_ERR_BAD_FRAME,
                               "after is a name; limit from 1 to 200; online 0 or 1");
    cmd = cbx_call_command(call, CBX_CMD_MEMBERS, on_answer);
    cmd->page = page;
    return submit(call, cmd);
}

/* -- home again -- */

static void on_answer(cbx_command_t *cmd, void *local)
{
    h2o_req_t *req = cbx_pending_take(((cbx_local_t *)local)->pending, cmd->pending);

    if (req != NULL && cmd->err != CBX_OK)
        cbx_reply_error(req, cmd->err, NULL, cmd->retry_after);
    else if (req != NULL && cmd->type == CBX_CMD_LEAVE)
        cbx_reply_nothing(req);
    else if (req != NULL)
        cbx_reply_bytes(req, cmd->type == CBX_CMD_CREATE ? 201 : 200, CBX_TYPE_JSON, cmd->body.bytes,
                        cmd->body.len);
    cbx_command_free(cmd);
}
