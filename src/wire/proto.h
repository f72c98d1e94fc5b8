/* proto.h -- protocol.md in C: a client's frame read into a request, and every frame and object of the server
 * written.
 *
 * Pure: no sockets, clock or threads. The `cbx_put_*` functions write an object into a cbx_json_t; whoever
 * sends it makes a frame of the bytes once and shares that.
 */
#ifndef cbx_wire_proto_h
#define cbx_wire_proto_h

#include "wire/json.h"
#include "wire/types.h"

typedef enum cbx_request_type {
    CBX_REQ_HELLO,
    CBX_REQ_MESSAGE,
    CBX_REQ_EDIT,
    CBX_REQ_DELETE,
    CBX_REQ_TYPING,
    CBX_REQ_READ,
    CBX_REQ_PING,
    CBX_REQ_TYPES /* how many there are */
} cbx_request_type_t;

/* what a client asks for; fields that its type does not have are nothing (NULL, -1) */
typedef struct cbx_request {
    cbx_request_type_t type;
    int64_t room, id;
    cbx_str_t type_name, cid, text, token, epoch;
    cbx_pairs_t since; /* room -> rev */
} cbx_request_t;

/* reads one text frame and checks the fields that its type must have. `limit`: bytes of text. Where the frame
 * is refused but had a good cid, `req->cid` is kept, so that the error can name it; dispose in every case. */
cbx_err_t cbx_request_parse(const char *text, size_t len, size_t limit, cbx_request_t *req);
void cbx_request_dispose(cbx_request_t *req);

/* {"id":97,"room":1,…}: a message as it appears everywhere */
void cbx_put_message(cbx_json_t *json, const cbx_message_t *m);
/* {"id":3,"username":"ada",…} */
void cbx_put_user(cbx_json_t *json, const cbx_user_t *user);
/* {"type":"ack",…} */
void cbx_put_ack(cbx_json_t *json, const char *cid, int64_t id, int64_t rev, int64_t timestamp, bool dup);
/* {"type":"error",…}; `cid` and `detail` may be NULL, `retry_after` (s) is left out when 0 */
void cbx_put_error(cbx_json_t *json, cbx_err_t err, const char *cid, const char *detail, double retry_after);
/* {"type":"message"|"edit"|"delete","room":…,"rev":…,"message":<encoded>} */
void cbx_put_event(cbx_json_t *json, const char *type, int64_t room, int64_t rev, const char *message,
                   size_t len);
/* {"type":"typing",…}; `seconds` 0: no longer */
void cbx_put_typing(cbx_json_t *json, int64_t room, const char *username, int seconds);
/* {"type":"read",…} */
void cbx_put_read(cbx_json_t *json, int64_t room, const char *username, int64_t id);
/* {"id":1,"kind":"public",…}: opens the object and leaves it open, for marks and what else there is */
void cbx_put_room_open(cbx_json_t *json, const cbx_room_view_t *room);
/* the kind's name on the wire, and back (false: no such kind) */
const char *cbx_room_kind_name(cbx_room_kind_t kind);
bool cbx_room_kind_parse(const char *name, cbx_room_kind_t *kind);
void cbx_put_pong(cbx_json_t *json, int64_t now);
void cbx_put_bye(cbx_json_t *json, int64_t again_ms);

#endif
