/* config.h -- a configuration file, read and judged: what H2O's configurator makes of it, and what is ours.
 */
#ifndef cbx_server_config_h
#define cbx_server_config_h

#include <h2o.h>
#include <h2o/configurator.h>

#include "base/settings.h"
#include "server/listener.h"

/* Directives that are just text are kept as nodes of the tree: the text, and where it stands, for messages.
 * NULL: not given. */
typedef struct cbx_config {
    struct cbx_config *older; /* read before */
    const char *path;
    yoml_t *tree; /* lent */
    h2o_globalconf_t global;
    cbx_settings_t settings;
    yoml_t *database, *token_secret, *token_secret_file;
    yoml_t *user, *pid_file, *error_log;
    size_t max_connections;
    unsigned tcp_fastopen;
    cbx_listens_t listens;
} cbx_config_t;

/* gives the tree of the file, or NULL after one line on stderr */
yoml_t *cbx_config_load(const char *path);

/* gives what the tree of the file `path` says, or NULL after one line on stderr. `dry`: opens nothing (H2O's
 * access logs). The tree must live as long. There is no free: H2O has none that is complete, and a
 * configuration lives as long as the process. */
cbx_config_t *cbx_config_read(const char *path, yoml_t *tree, bool dry);

/* does `check` for each file of an `access-log` in the tree (not for pipes), until one returns false */
bool cbx_config_access_logs(yoml_t *tree, bool (*check)(const yoml_t *path, void *arg), void *arg);

/* says on stderr, in one line, where and what is wrong: "[file:line] in command NAME, ..."; `command` may be
 * NULL */
void cbx_config_complain(const yoml_t *at, const char *command, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* -- directives.c: the table of ours -- */
void cbx_directives_define(cbx_config_t *config);

/* -- listen.c -- */
int cbx_listen_on_config(h2o_configurator_command_t *cmd, cbx_config_t *config, h2o_hostconf_t *host,
                         yoml_t *node);

/* ON or OFF, or a complaint; `command` and `what` are for the message */
bool cbx_config_switch(const yoml_t *node, const char *command, const char *what, bool *on);
/* a whole number within the bounds, nothing behind it, or a complaint */
bool cbx_config_number(const yoml_t *node, const char *command, const char *what, uint64_t min, uint64_t max,
                       uint64_t *number);

#endif
