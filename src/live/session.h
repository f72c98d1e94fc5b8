/* session.h -- one WebSocket: what a client says becomes commands, what the core says becomes bytes.
 *
 *     GREETING -- hello, welcome --> OPEN -- close --> CLOSING -- both closed, or a moment --> CLOSED
 *
 * Only the hub frees a session, when the loop has turned: H2O and wslay are still on the stack when a session
 * finds out that it is over. Worker's thread.
 */
#ifndef cbx_live_session_h
#define cbx_live_session_h

#include <h2o/websocket.h>
#include "live/hub.h"
#include "live/outbound.h"
#include "live/parser.h"

typedef enum cbx_session_state { CBX_GREETING, CBX_OPEN, CBX_CLOSING, CBX_CLOSED } cbx_session_state_t;

/* There may be a hundred thousand of these, and nearly all are idle: what is needed only at times is behind a
 * pointer. */
typedef struct cbx_session {
    uint64_t id; /* see chat/seat.h */
    cbx_hub_t *hub;
    h2o_websocket_conn_t *conn;
    cbx_outbound_t out;
    int fd;            /* -1: TLS, where only H2O can write */
    uint8_t state;     /* a cbx_session_state_t */
    bool greeted : 1;  /* a hello is with the core, which holds a seat for us until we say GONE */
    bool asking : 1;   /* a hello waits for its answer: one at a time */
    bool pinged : 1;   /* and nothing was heard since */
    bool dirty : 1;    /* is in the hub's list of those to write to */
    bool finished : 1; /* closes when what waits is written */
    bool broken : 1;   /* what came is no WebSocket, though wslay would end it without a code */
    bool told : 1;     /* what its room is told, before the others */
    bool slow : 1;     /* more than outbound-limit waits; the timer will look again */
    bool deflates : 1; /* permessage-deflate was agreed on (RFC 7692) */
    uint32_t places_len;
    struct cbx_place { /* where this session is in the rooms' lists */
        struct cbx_hub_room *room;
        size_t index;
    } * places;
    cbx_token_t *token;   /* until the welcome, if there is one yet: then the core has it */
    int64_t expires_at;   /* of the token, s */
    cbx_parser_t *parser; /* while something is under way; NULL: conn->ws_ctx is, too */
    h2o_timeout_entry_t
        timer;             /* GREETING: hello-timeout; OPEN: ping-interval, or patience; CLOSING: linger */
    int64_t heard_at;      /* ms, steady */
    uint32_t timer_set_at; /* the same, of which only differences count, */
    uint32_t frames_at;    /* ... and here: when */
    float frames;          /* ... so many might come at once */
    struct cbx_session *next_dirty, *next_dead;
} cbx_session_t;

/* upgrades the request to a session of the hub */
cbx_session_t *cbx_session_create(cbx_hub_t *hub, h2o_req_t *req, const char *key, const cbx_token_t *token,
                                  bool deflate, uint64_t id);
/* the hub's: the session must be CLOSED */
void cbx_session_free(cbx_session_t *s);

/* this is its token from the next welcome on */
void cbx_session_take_token(cbx_session_t *s, const cbx_token_t *token);

/* the core's answers */
void cbx_session_welcome(cbx_session_t *s, cbx_frame_t *frame);
void cbx_session_snapshot(cbx_session_t *s, cbx_frame_t *frame);
/* sends what was written into `json` */
void cbx_session_tell(cbx_session_t *s, cbx_json_t *json);
/* news is left out where half of what may wait waits already */
bool cbx_session_takes_news(const cbx_session_t *s);
/* a frame of its own, or bytes that go to many as they are (compressed for those whose session deflates), to
 * be written at the end of the turn; too much waiting closes the session with 4008 */
void cbx_session_give(cbx_session_t *s, cbx_frame_t *frame);
void cbx_session_push(cbx_session_t *s, cbx_frame_t *frame);
/* may something be sent straight to the socket `fd`? Over plaintext, where nothing waits before it. */
static inline bool cbx_session_is_clear(const cbx_session_t *s)
{
    return s->state == CBX_OPEN && s->out.queue == NULL && s->fd != -1;
}
/* that was done with the frame: `sent` bytes of it went, or -errno; the rest waits */
void cbx_session_sent(cbx_session_t *s, cbx_frame_t *frame, ssize_t sent);

/* asks for the end: a close frame with `code` behind what waits, a moment for the peer's, then the end */
void cbx_session_close(cbx_session_t *s, uint16_t code);
/* says bye first, and when to come back */
void cbx_session_bye(cbx_session_t *s);
/* the end, now */
void cbx_session_cut(cbx_session_t *s);
/* the end of a turn: writes what waits */
void cbx_session_write(cbx_session_t *s);

#endif
