/* server.h -- the life of the server, from the configuration to the exit status. */
#ifndef cbx_server_server_h
#define cbx_server_server_h

#include <stdbool.h>

/* serves what the configuration file says until a signal ends it; gives the exit status. `check_only`: reads
 * and checks all, changes nothing, and returns. Call once, on the main thread, which becomes the core thread.
 */
int cbx_server_run(const char *config_path, bool check_only);

#endif
