/* notify.h -- tells who started us (systemd) how far we are. */
#ifndef cbx_server_notify_h
#define cbx_server_notify_h

/* sends a state, such as "READY=1", to the socket that NOTIFY_SOCKET names; without one it does nothing */
void cbx_notify(const char *state);

#endif
