/* inherit.h -- listening sockets that somebody else has opened for us, and keeps open when we end. */
#ifndef cbx_server_inherit_h
#define cbx_server_inherit_h

#include "server/listener.h"

/* Gives each listen its socket, shared by `workers`, where the environment says that there are any
 * (SERVER_STARTER_PORT of Server::Starter, LISTEN_FDS of systemd); then all must be among them. Nothing
 * happens where it does not. False after a complaint; `at` is for those that are about no listen. Call once.
 */
bool cbx_inherit_sockets(cbx_listens_t *listens, unsigned workers, const yoml_t *at);

#endif
