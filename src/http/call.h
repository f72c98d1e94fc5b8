/* call.h -- one call of the API: what the switchboard (http/api.c) knows of a request, and the ways to the
 * other threads.
 *
 * A handler returns an error, which the switchboard sends; or CBX_OK: then it has answered, or work is under
 * way whose letter finds the request again by number. The call itself is gone when the handler returns.
 */
#ifndef cbx_http_call_h
#define cbx_http_call_h

#include "http/limits.h"
#include "http/parse.h"
#include "http/reply.h"
#include "live/local.h"
#include "wire/token.h"

typedef struct cbx_call {
    h2o_req_t *req;
    cbx_local_t *local;
    int64_t room; /* of the path, where it has one */
    cbx_slice_t username;
    cbx_slice_t query;
    bool known; /* there was a good token: this one */
    cbx_token_t token;
    double retry_after; /* s, of the refusal, where waiting helps; 0: a moment */
    const char
        *detail; /* of the refusal, where the error alone says too little; lives as long as the program */
} cbx_call_t;

/* the handlers */
cbx_err_t cbx_call_register(cbx_call_t *call); /* accounts.c */
cbx_err_t cbx_call_login(cbx_call_t *call);
cbx_err_t cbx_call_logout(cbx_call_t *call);
cbx_err_t cbx_call_me(cbx_call_t *call);
cbx_err_t cbx_call_profile(cbx_call_t *call); /* profile.c */
cbx_err_t cbx_call_history(cbx_call_t *call); /* history.c */
cbx_err_t cbx_call_post(cbx_call_t *call);    /* messages.c */
cbx_err_t cbx_call_rooms(cbx_call_t *call);   /* rooms.c */
cbx_err_t cbx_call_create(cbx_call_t *call);
cbx_err_t cbx_call_edit_room(cbx_call_t *call);
cbx_err_t cbx_call_direct(cbx_call_t *call);
cbx_err_t cbx_call_join(cbx_call_t *call);
cbx_err_t cbx_call_leave(cbx_call_t *call);
cbx_err_t cbx_call_members(cbx_call_t *call);

/* a refusal with a word of why; `detail` lives as long as the program */
cbx_err_t cbx_call_refuse(cbx_call_t *call, cbx_err_t err, const char *detail);
/* the rules for what a user calls himself; where they are broken, refused with the rule (accounts.c) */
cbx_err_t cbx_check_username(cbx_call_t *call, const cbx_str_t *name);
cbx_err_t cbx_check_display_name(cbx_call_t *call, const cbx_str_t *name);
cbx_err_t cbx_check_password(cbx_call_t *call, const cbx_str_t *password);

/* May a password for this name be looked at? Then `tried` goes back by cbx_limits_tried; else
 * CBX_ERR_RATE_LIMITED */
cbx_err_t cbx_call_try(cbx_call_t *call, const char *username, cbx_try_t *tried);

/* overwrites the body where it lies: it may hold a password, and H2O uses its buffers again and never clears
 * them */
void cbx_call_forget_body(h2o_req_t *req);
/* reads the body, an object, by the table, and then forgets it; CBX_ERR_TOO_LARGE above what the longest
 * message needs */
cbx_err_t cbx_call_body(cbx_call_t *call, const cbx_json_field_t *fields, void *into);

/* a command of this caller, to come home as `done(cmd, local)` */
cbx_command_t *cbx_call_command(const cbx_call_t *call, cbx_command_type_t type,
                                void (*done)(cbx_command_t *cmd, void *local));
/* takes the command; the request waits for it. Refused: the command is gone, and the request no longer waits.
 */
cbx_err_t cbx_submit_command(cbx_local_t *local, h2o_req_t *req, cbx_command_t *cmd);

/* a job comes home as `home(mail, local)`. Refused: the job stays the caller's, and the request does not
 * wait. */
cbx_err_t cbx_submit_job(cbx_local_t *local, h2o_req_t *req, cbx_job_t *job, uint64_t *pending,
                         void (*home)(cbx_mail_t *mail, void *local));

#endif
