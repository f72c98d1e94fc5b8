/* parser.h -- wslay for one session at a time.
 *
 * A context of wslay has two buffers of 4 KB, and nearly all connections are between two messages nearly all
 * of the time. So a session has one only while it is in the midst of something; at the end of the turn it
 * goes back to the hub, for whoever is next. Worker's thread.
 */
#ifndef cbx_live_parser_h
#define cbx_live_parser_h

#include <h2o/websocket.h>

typedef struct cbx_hub cbx_hub_t;
typedef struct cbx_parser cbx_parser_t;
struct cbx_session;

/* bytes of the longest message that is taken; compressed or not */
size_t cbx_parser_limit(const cbx_hub_t *hub);

/* the session has a parser now, if it had none: before anything that asks s->conn->ws_ctx */
void cbx_parser_wake(struct cbx_session *s);
/* the end of a turn: parsers of sessions that are between two messages go back, and those wait for the next
 * one's first byte */
void cbx_parser_rest(cbx_hub_t *hub);
/* between turns: cuts sessions that are in the midst of a message of more bytes than `share` */
void cbx_parser_relieve(cbx_hub_t *hub, size_t share);
/* the session's, with its context; NULL is harmless */
void cbx_parser_free(cbx_parser_t *parser);
/* those that nobody has */
void cbx_parser_free_idle(cbx_hub_t *hub);

#endif
