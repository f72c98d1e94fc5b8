/* files.h -- the files that the server keeps beside the database: the secret, the pid, the logs. */
#ifndef cbx_server_files_h
#define cbx_server_files_h

#include "server/config.h"

/* can all be read, or made, as far as one can tell without doing it? false after a complaint; changes nothing
 */
bool cbx_files_check(const cbx_config_t *config);

/* fills in settings.token_secret, from the file that `chatterbox.token-secret-file` names; makes that where
 * there is none. false after a complaint. */
bool cbx_files_load_secret(cbx_config_t *config);

/* opens the pid file, as who we are now; another server's pid stays in it until cbx_files_write_pid. false
 * after a complaint */
bool cbx_files_open_pid(const cbx_config_t *config);
bool cbx_files_write_pid(const cbx_config_t *config);
/* removes it, where it names nobody else; where we may not (no longer root), or it is `shared` with a server
 * that comes after us and has it open, it becomes empty */
void cbx_files_remove_pid(bool shared);

/* opens the error log and finds the access logs that H2O opened; false after a complaint */
bool cbx_files_open_logs(const cbx_config_t *config);
/* from now on what anybody writes to stderr goes to the error log, when there is one */
void cbx_files_redirect_stderr(void);
/* opens all logs again under their names, in the place of the old ones (SIGHUP); pipes stay */
void cbx_files_reopen_logs(void);

#endif
