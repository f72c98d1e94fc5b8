/* proto.c -- protocol.md in C: which fields a frame has, and the bytes of every answer.
 *
 * `shapes` is the switchboard: a row says what a type must bring along, and whoever runs the request may
 * assume it.
 */
#include "wire/proto.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "wire/names.h"

enum { CID = 1, TEXT = 2, ROOM = 4, ID = 8 };

static const struct shape {
    const char *type;
    unsigned needs;
} shapes[CBX_REQ_TYPES] = {
    [CBX_REQ_HELLO] = {"hello", 0},
    [CBX_REQ_MESSAGE] = {"message", CID | TEXT | ROOM},
    [CBX_REQ_EDIT] = {"edit", CID | TEXT | ID},
    [CBX_REQ_DELETE] = {"delete", CID | ID},
    [CBX_REQ_TYPING] = {"typing", ROOM},
    [CBX_REQ_READ] = {"read", ROOM | ID},
    [CBX_REQ_PING] = {"ping", 0},
};

static const cbx_json_field_t fields[] = {
    {"type", CBX_JSON_STRING, offsetof(cbx_request_t, type_name)},
    {"room", CBX_JSON_INT, offsetof(cbx_request_t, room)},
    {"id", CBX_JSON_INT, offsetof(cbx_request_t, id)},
    {"cid", CBX_JSON_STRING, offsetof(cbx_request_t, cid)},
    {"text", CBX_JSON_STRING, offsetof(cbx_request_t, text)},
    {"token", CBX_JSON_STRING, offsetof(cbx_request_t, token)},
    {"epoch", CBX_JSON_STRING, offsetof(cbx_request_t, epoch)},
    {"since", CBX_JSON_PAIRS, offsetof(cbx_request_t, since)},
    {NULL, CBX_JSON_INT, 0},
};

static const cbx_json_field_t only_cid[] = {
    {"cid", CBX_JSON_STRING, offsetof(cbx_request_t, cid)},
    {NULL, CBX_JSON_INT, 0},
};

static cbx_err_t find_type(cbx_request_t *req)
{
    if (req->type_name.bytes == NULL)
        return CBX_ERR_BAD_FRAME;
    for (int i = 0; i != CBX_REQ_TYPES; ++i) {
        if (strlen(shapes[i].type) == req->type_name.len &&
            memcmp(shapes[i].type, req->type_name.bytes, req->type_name.len) == 0) {
            req->type = (cbx_request_type_t)i;
            return CBX_OK;
        }
    }
    return CBX_ERR_UNKNOWN_TYPE;
}

static cbx_err_t check_shape(const cbx_request_t *req, size_t limit)
{
    unsigned needs = shapes[req->type].needs;

    if ((needs & CID) != 0 && (req->cid.bytes == NULL || !cbx_cid_valid(req->cid.bytes, req->cid.len)))
        return CBX_ERR_BAD_FRAME;
    if (((needs & ROOM) != 0 && req->room == -1) || ((needs & ID) != 0 && req->id == -1))
        return CBX_ERR_BAD_FRAME;
    if ((needs & TEXT) == 0)
        return CBX_OK;
    if (req->text.bytes == NULL)
        return CBX_ERR_BAD_FRAME;
    return cbx_text_check(req->text.bytes, req->text.len, limit);
}

/* an error names the cid of what it refuses, where that can be told */
static void keep_cid(const char *text, size_t len, cbx_request_t *req)
{
    if (req->cid.bytes == NULL && cbx_json_read(text, len, only_cid, req) != CBX_OK)
        return;
    if (req->cid.bytes != NULL && !cbx_cid_valid(req->cid.bytes, req->cid.len))
        cbx_json_dispose(only_cid, req);
}

cbx_err_t cbx_request_parse(const char *text, size_t len, size_t limit, cbx_request_t *req)
{
    cbx_err_t err;

    memset(req, 0, sizeof(*req));
    req->type = CBX_REQ_TYPES;
    if ((err = cbx_json_read(text, len, fields, req)) == CBX_OK && (err = find_type(req)) == CBX_OK)
        err = check_shape(req, limit);
    if (err != CBX_OK)
        keep_cid(text, len, req);
    return err;
}

void cbx_request_dispose(cbx_request_t *req)
{
    cbx_json_dispose(fields, req);
}

/* -- the server's side -- */

void cbx_put_message(cbx_json_t *json, const cbx_message_t *m)
{
    cbx_json_open(json);
    cbx_json_put_int(json, "id", m->id);
    cbx_json_put_int(json, "room", m->room);
    cbx_json_put_text(json, "username", m->username);
    if (!m->deleted)
        cbx_json_put_string(json, "text", m->text, m->text_len);
    cbx_json_put_int(json, "timestamp", m->timestamp);
    if (m->edited != 0)
        cbx_json_put_int(json, "edited", m->edited);
    else
        cbx_json_put_bool(json, "edited", false);
    cbx_json_put_bool(json, "deleted", m->deleted);
    cbx_json_put_int(json, "rev", m->rev);
    cbx_json_put_text(json, "cid", m->cid);
    cbx_json_close(json);
}

void cbx_put_user(cbx_json_t *json, const cbx_user_t *user)
{
    cbx_json_open(json);
    cbx_json_put_int(json, "id", user->id);
    cbx_json_put_text(json, "username", user->username);
    cbx_json_put_text(json, "display_name", user->display_name);
    cbx_json_put_bool(json, "guest", user->guest);
    cbx_json_close(json);
}

void cbx_put_ack(cbx_json_t *json, const char *cid, int64_t id, int64_t rev, int64_t timestamp, bool dup)
{
    cbx_json_open(json);
    cbx_json_put_text(json, "type", "ack");
    cbx_json_put_text(json, "cid", cid);
    cbx_json_put_int(json, "id", id);
    cbx_json_put_int(json, "rev", rev);
    cbx_json_put_int(json, "timestamp", timestamp);
    if (dup)
        cbx_json_put_bool(json, "dup", true);
    cbx_json_close(json);
}

void cbx_put_error(cbx_json_t *json, cbx_err_t err, const char *cid, const char *detail, double retry_after)
{
    char seconds[32];

    cbx_json_open(json);
    cbx_json_put_text(json, "type", "error");
    if (cid != NULL)
        cbx_json_put_text(json, "cid", cid);
    cbx_json_put_text(json, "code", cbx_err_code(err));
    cbx_json_put_text(json, "detail", detail != NULL ? detail : cbx_err_title(err));
    if (retry_after > 0) {
        cbx_json_key(json, "retry_after");
        cbx_json_raw(json, seconds,
                     (size_t)snprintf(seconds, sizeof(seconds), "%.1f", ceil(retry_after * 10) / 10));
    }
    cbx_json_close(json);
}

void cbx_put_event(cbx_json_t *json, const char *type, int64_t room, int64_t rev, const char *message,
                   size_t len)
{
    cbx_json_open(json);
    cbx_json_put_text(json, "type", type);
    cbx_json_put_int(json, "room", room);
    cbx_json_put_int(json, "rev", rev);
    cbx_json_key(json, "message");
    cbx_json_raw(json, message, len);
    cbx_json_close(json);
}

void cbx_put_typing(cbx_json_t *json, int64_t room, const char *username, int seconds)
{
    cbx_json_open(json);
    cbx_json_put_text(json, "type", "typing");
    cbx_json_put_int(json, "room", room);
    cbx_json_put_text(json, "username", username);
    cbx_json_put_int(json, "for", seconds);
    cbx_json_close(json);
}

void cbx_put_read(cbx_json_t *json, int64_t room, const char *username, int64_t id)
{
    cbx_json_open(json);
    cbx_json_put_text(json, "type", "read");
    cbx_json_put_int(json, "room", room);
    cbx_json_put_text(json, "username", username);
    cbx_json_put_int(json, "id", id);
    cbx_json_close(json);
}

static const char *const kind_names[] = {
    [CBX_ROOM_PUBLIC] = "public", [CBX_ROOM_PRIVATE] = "private", [CBX_ROOM_DIRECT] = "direct"};

const char *cbx_room_kind_name(cbx_room_kind_t kind)
{
    return kind_names[kind];
}

bool cbx_room_kind_parse(const char *name, cbx_room_kind_t *kind)
{
    for (int i = CBX_ROOM_PUBLIC; i <= CBX_ROOM_DIRECT; ++i) {
        *kind = (cbx_room_kind_t)i;
        if (strcmp(kind_names[i], name) == 0)
            return true;
    }
    return false;
}

void cbx_put_room_open(cbx_json_t *json, const cbx_room_view_t *room)
{
    cbx_json_open(json);
    cbx_json_put_int(json, "id", room->id);
    cbx_json_put_text(json, "kind", cbx_room_kind_name(room->kind));
    cbx_json_put_text(json, "name", room->name);
    cbx_json_put_text(json, "topic", room->topic);
    cbx_json_put_int(json, "rev", room->rev);
    cbx_json_put_int(json, "last_id", room->last_id);
    if (!room->joined)
        return;
    cbx_json_put_int(json, "read_id", room->read_id);
    cbx_json_put_int(json, "unread", room->unread);
}

void cbx_put_pong(cbx_json_t *json, int64_t now)
{
    cbx_json_open(json);
    cbx_json_put_text(json, "type", "pong");
    cbx_json_put_int(json, "now", now);
    cbx_json_close(json);
}

void cbx_put_bye(cbx_json_t *json, int64_t again_ms)
{
    cbx_json_open(json);
    cbx_json_put_text(json, "type", "bye");
    cbx_json_put_int(json, "again_ms", again_ms);
    cbx_json_close(json);
}
