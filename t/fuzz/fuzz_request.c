/* fuzz_request.c -- any bytes as a client's frame.
 *
 * Held here: an accepted request has all that its type needs, in range, and says the same when it is written
 * and read again; a refused one names a cid or none, and the error about it is JSON; nothing is left after
 * the dispose.
 */
#include "fuzz.h"

#include <inttypes.h>
#include <stdio.h>

#include "wire/names.h"
#include "wire/proto.h"

enum { LIMIT = 4096 }; /* bytes of text */

/* what protocol.md demands of each type, said a second time on purpose */
static const struct demand {
    const char *type;
    bool cid, text, room, id;
} demands[CBX_REQ_TYPES] = {
    [CBX_REQ_HELLO] = {"hello", false, false, false, false},
    [CBX_REQ_MESSAGE] = {"message", true, true, true, false},
    [CBX_REQ_EDIT] = {"edit", true, true, false, true},
    [CBX_REQ_DELETE] = {"delete", true, false, false, true},
    [CBX_REQ_TYPING] = {"typing", false, false, true, false},
    [CBX_REQ_READ] = {"read", false, false, true, true},
    [CBX_REQ_PING] = {"ping", false, false, false, false},
};

static void must_meet_demands(const cbx_request_t *req)
{
    const struct demand *d = &demands[req->type];

    MUST(strlen(d->type) == req->type_name.len &&
         memcmp(d->type, req->type_name.bytes, req->type_name.len) == 0);
    MUST(!d->cid || (req->cid.bytes != NULL && cbx_cid_valid(req->cid.bytes, req->cid.len)));
    MUST(!d->text ||
         (req->text.bytes != NULL && cbx_text_check(req->text.bytes, req->text.len, LIMIT) == CBX_OK));
    MUST(!d->text ||
         (req->text.len > 0 && req->text.len <= LIMIT && memchr(req->text.bytes, 0, req->text.len) == NULL));
    MUST(!d->room || req->room >= 0);
    MUST(!d->id || req->id >= 0);
    MUST(req->room < CBX_ID_MAX && req->id < CBX_ID_MAX);
}

static void put_string_if(cbx_json_t *json, const char *key, const cbx_str_t *s)
{
    if (s->bytes != NULL)
        cbx_json_put_string(json, key, s->bytes, s->len);
}

static void put_since(cbx_json_t *json, const cbx_pairs_t *since)
{
    char key[24];

    cbx_json_key(json, "since");
    cbx_json_open(json);
    for (size_t i = 0; i != since->len; ++i) {
        snprintf(key, sizeof(key), "%" PRId64, since->list[i].key);
        cbx_json_put_int(json, key, since->list[i].value);
    }
    cbx_json_close(json);
}

static void put_request(cbx_json_t *json, const cbx_request_t *req)
{
    cbx_json_open(json);
    put_string_if(json, "type", &req->type_name);
    if (req->room != -1)
        cbx_json_put_int(json, "room", req->room);
    if (req->id != -1)
        cbx_json_put_int(json, "id", req->id);
    put_string_if(json, "cid", &req->cid);
    put_string_if(json, "text", &req->text);
    put_string_if(json, "token", &req->token);
    put_string_if(json, "epoch", &req->epoch);
    put_since(json, &req->since);
    cbx_json_close(json);
}

static void must_parse_again(const cbx_request_t *req)
{
    cbx_json_t *json = cbx_json_create();
    cbx_request_t again;
    const char *bytes;
    size_t len;

    put_request(json, req);
    bytes = cbx_json_bytes(json, &len);
    MUST(cbx_request_parse(bytes, len, LIMIT, &again) == CBX_OK);
    MUST(again.type == req->type && again.room == req->room && again.id == req->id);
    MUST(same_str(&again.cid, &req->cid) && same_str(&again.text, &req->text));
    MUST(same_str(&again.token, &req->token) && same_str(&again.epoch, &req->epoch));
    MUST(same_pairs(&again.since, &req->since));
    cbx_request_dispose(&again);
    cbx_json_free(json);
}

static const cbx_json_field_t error_fields[] = {
    {"type", CBX_JSON_STRING, 0},
    {"cid", CBX_JSON_STRING, sizeof(cbx_str_t)},
    {"code", CBX_JSON_STRING, 2 * sizeof(cbx_str_t)},
    {NULL, CBX_JSON_INT, 0},
};

static void must_be_told(cbx_err_t err, const cbx_request_t *req)
{
    cbx_json_t *json = cbx_json_create();
    cbx_str_t told[3] = {{NULL, 0}};
    const char *bytes;
    size_t len;

    MUST(req->cid.bytes == NULL || cbx_cid_valid(req->cid.bytes, req->cid.len));
    cbx_put_error(json, err, req->cid.bytes, NULL, 0.5);
    bytes = cbx_json_bytes(json, &len);
    MUST(cbx_json_read(bytes, len, error_fields, told) == CBX_OK);
    MUST(same_str(&told[1], &req->cid));
    MUST(strcmp(told[2].bytes, cbx_err_code(err)) == 0);
    cbx_json_dispose(error_fields, told);
    cbx_json_free(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cbx_request_t req;
    cbx_err_t err = cbx_request_parse((const char *)data, size, LIMIT, &req);

    if (err == CBX_OK) {
        MUST(req.type < CBX_REQ_TYPES);
        must_meet_demands(&req);
        must_parse_again(&req);
    } else {
        MUST(err < CBX_ERR_COUNT);
        must_be_told(err, &req);
    }
    cbx_request_dispose(&req);
    MUST(req.type_name.bytes == NULL && req.cid.bytes == NULL && req.text.bytes == NULL &&
         req.token.bytes == NULL);
    MUST(req.epoch.bytes == NULL && req.since.list == NULL && req.since.len == 0 && req.room == -1 &&
         req.id == -1);
    return 0;
}
