/* watch.h -- the connections of a worker: counted, and cut when they cost more than they may. Its thread
 * only.
 *
 * H2O cuts who is slow with a head or a body over HTTP/1, and who is idle. It has no limit for who takes
 * nothing of an answer, is slow with a body over HTTP/2, or opens streams and gives them up.
 */
#ifndef cbx_http_watch_h
#define cbx_http_watch_h

#include <h2o.h>
#include <stdbool.h>

#include "wire/frame.h"

typedef struct cbx_watch cbx_watch_t;

/* lives until it is freed, which must come when its connections are closed, and before the context goes.
 * `write_timeout` in s */
cbx_watch_t *cbx_watch_create(h2o_context_t *ctx, unsigned write_timeout);
void cbx_watch_free(cbx_watch_t *watch);

/* a connection begins, which is counted already; it is forgotten, and counted off, when the socket closes */
void cbx_watch_add(cbx_watch_t *watch, h2o_socket_t *sock);
/* it is a WebSocket now */
void cbx_watch_upgraded(h2o_socket_t *sock);
/* `frame` goes out as the answer: keeps a reference to it until the request ends */
void cbx_watch_answer(h2o_req_t *req, cbx_frame_t *frame);
/* cuts whose unfinished requests hold more bytes than `share`, and who leaves more than `hoard` of answers
 * waiting, and took hardly any of it within a moment */
void cbx_watch_relieve(cbx_watch_t *watch, size_t share, size_t hoard);
bool cbx_watch_is_empty(const cbx_watch_t *watch);
/* shutdown(2) for all */
void cbx_watch_shut_down_all(cbx_watch_t *watch, int how);

/* requests over HTTP/2 that end unanswered are counted; once for each host */
void cbx_watch_register(h2o_hostconf_t *host);

#endif
