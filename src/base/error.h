/* error.h -- what can go wrong, once for C, the wire and the documents.
 *
 * A row is: the name in C, the code that travels (protocol.md, "Codes"), the HTTP status that goes with it,
 * and a title for people. Everything that may fail because of somebody else returns a cbx_err_t; what may
 * fail only because of us is a CBX_ASSERT, which aborts in release builds too.
 *
 * `overloaded` is not in protocol.md's list: none of its codes says that there is no memory for one more,
 * which passes by itself and is nobody's fault.
 */
#ifndef cbx_base_error_h
#define cbx_base_error_h

#define CBX_ERRORS(X)                                                                                        \
    X(BAD_JSON, "bad_json", 400, "Not JSON")                                                                 \
    X(BAD_FRAME, "bad_frame", 400, "A field is missing or not what it should be")                            \
    X(UNKNOWN_TYPE, "unknown_type", 400, "No such type")                                                     \
    X(TOO_LONG, "too_long", 422, "The text is too long")                                                     \
    X(EMPTY, "empty", 422, "The text is empty")                                                              \
    X(BAD_NAME, "bad_name", 422, "The name is not allowed")                                                  \
    X(NAME_TAKEN, "name_taken", 409, "The name is taken")                                                    \
    X(WEAK_PASSWORD, "weak_password", 422, "The password is too short or too long")                          \
    X(BAD_CREDENTIALS, "bad_credentials", 401, "Name or password is wrong")                                  \
    X(UNAUTHORIZED, "unauthorized", 401, "Log in first")                                                     \
    X(BAD_ORIGIN, "bad_origin", 403, "The request comes from a foreign page")                                \
    X(FORBIDDEN, "forbidden", 403, "Not allowed")                                                            \
    X(NOT_FOUND, "not_found", 404, "Not found")                                                              \
    X(ALREADY_DELETED, "already_deleted", 409, "The message is deleted")                                     \
    X(RATE_LIMITED, "rate_limited", 429, "Too much at once")                                                 \
    X(STORAGE_UNAVAILABLE, "storage_unavailable", 503, "The storage does not answer")                        \
    X(DRAINING, "draining", 503, "The server is going away")                                                 \
    X(OVERLOADED, "overloaded", 503, "The server has no memory to spare")                                    \
    X(TOO_LARGE, "too_large", 413, "The body is too large")                                                  \
    X(CONFLICT, "conflict", 409, "Somebody was faster")                                                      \
    X(INTERNAL, "internal", 500, "The server made a mistake")

typedef enum cbx_err {
    CBX_OK = 0,
#define CBX_ERROR_ENUM(name, code, status, title) CBX_ERR_##name,
    CBX_ERRORS(CBX_ERROR_ENUM)
#undef CBX_ERROR_ENUM
        CBX_ERR_COUNT
} cbx_err_t;

/* the code that travels ("rate_limited"), the HTTP status, the title for people; `err` is not CBX_OK; any
 * thread */
const char *cbx_err_code(cbx_err_t err);
int cbx_err_status(cbx_err_t err);
const char *cbx_err_title(cbx_err_t err);

/* a broken invariant of ours ends the process, with the place, in every build */
#define CBX_ASSERT(cond) ((cond) ? (void)0 : cbx_assert_failed(#cond, __FILE__, __LINE__))
_Noreturn void cbx_assert_failed(const char *what, const char *file, int line);

#endif
