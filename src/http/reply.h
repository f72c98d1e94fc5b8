/* reply.h -- answers: JSON, problems (RFC 9457), the cookie. Each of the first group sends, and the request
 * is H2O's from then on; the others add a header before that. The worker's thread. */
#ifndef cbx_http_reply_h
#define cbx_http_reply_h

#include <h2o.h>

#include "base/error.h"
#include "wire/frame.h"
#include "wire/json.h"

#define CBX_TYPE_JSON "application/json; charset=utf-8"

/* sends what was written into `json` */
void cbx_reply_json(h2o_req_t *req, int status, cbx_json_t *json);
/* sends the frame's bytes; it takes a reference of its own until they are gone */
void cbx_reply_frame(h2o_req_t *req, int status, const char *type, cbx_frame_t *frame);
/* copies and sends these bytes */
void cbx_reply_bytes(h2o_req_t *req, int status, const char *type, const char *bytes, size_t len);
/* 204 */
void cbx_reply_nothing(h2o_req_t *req);
/* the refusal `err` with its status. `detail` (NULL: the title of `err`) is for people; `retry_after` in s,
 * 0: as `err` wants it */
void cbx_reply_error(h2o_req_t *req, cbx_err_t err, const char *detail, double retry_after);
/* the same with another status than that of `err` */
void cbx_reply_problem(h2o_req_t *req, int status, cbx_err_t err, const char *detail);
/* 405; `allow` is a list of methods, which lives as long as the request */
void cbx_reply_not_allowed(h2o_req_t *req, const char *allow);

/* adds a header; `name` lives as long as the program, `value` is copied */
void cbx_reply_header(h2o_req_t *req, const char *name, const char *value);
/* the session cookie; `max_age` in s */
void cbx_reply_cookie(h2o_req_t *req, const char *token, int64_t max_age);
void cbx_reply_clear_cookie(h2o_req_t *req);

/* does the method of the request only read (GET, HEAD)? */
bool cbx_method_reads(h2o_req_t *req);
/* is it for the path that the handler was registered at, and nothing below? */
bool cbx_path_is_exact(h2o_req_t *req);

#endif
