/* hub.h -- who is here, and telling them: one hub a worker, used on that worker's thread only. */
#ifndef cbx_live_hub_h
#define cbx_live_hub_h

#include "live/local.h"
#include "wire/token.h"

/* the hub of this worker; registers it with the core as an outlet (so: before the first command, on the core
 * thread, with local's context, mailbox and settings in place) */
cbx_hub_t *cbx_hub_create(cbx_local_t *local);
/* every session must be gone */
void cbx_hub_free(cbx_hub_t *hub);

/* upgrades the request, whose handshake was checked (`key`: its Sec-WebSocket-Key, 24 characters), to a
 * session. `token` is that of cookie or header, verified, or NULL: then the hello must bring one.
 * `deflate`: permessage-deflate was agreed on. The worker's thread. */
void cbx_hub_upgrade(cbx_hub_t *hub, h2o_req_t *req, const char *key, const cbx_token_t *token, bool deflate);

/* the end of a turn: writes to every session what waits for it, and frees the sessions that are done */
void cbx_hub_flush(cbx_hub_t *hub);

/* says bye and closes every session with 1001; new ones are closed at once */
void cbx_hub_drain(cbx_hub_t *hub);
/* ends every session now, whatever waits */
void cbx_hub_cut(cbx_hub_t *hub);
/* cuts whose unfinished message is of more bytes than `share`, and who leaves more than `hoard` of
 * histories waiting, and took hardly any of it within a moment */
void cbx_hub_relieve(cbx_hub_t *hub, size_t share, size_t hoard);
size_t cbx_hub_sessions(const cbx_hub_t *hub);

#endif
