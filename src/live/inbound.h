/* inbound.h -- a session's incoming messages. Worker's thread. */
#ifndef cbx_live_inbound_h
#define cbx_live_inbound_h

#include "live/session.h"

/* a new session may send its first frames */
void cbx_inbound_start(cbx_session_t *s);
/* one more frame: true while the client keeps to what is fair */
bool cbx_inbound_admit(cbx_session_t *s);
/* one text message, whole and valid UTF-8: answered, or sent to the core, or the session is closed for it */
void cbx_inbound_text(cbx_session_t *s, const char *text, size_t len);

#endif
