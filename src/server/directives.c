/* directives.c -- the directives that are ours, and those that H2O keeps in its program: read, judge, store.
 *
 * One row a directive; conf/README.md has a heading for each (t/11-configuration.t compares). Numbers are
 * read strictly: all of the text must be one, within its bounds. A directive that is wrong says so in one
 * line, with what would have been right.
 */
#include "server/config.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <strings.h>

#include "base/buf.h"
#include "http/http.h"

#define GLOBAL H2O_CONFIGURATOR_FLAG_GLOBAL
#define HOST H2O_CONFIGURATOR_FLAG_HOST
#define PATH H2O_CONFIGURATOR_FLAG_PATH
#define SCALAR H2O_CONFIGURATOR_FLAG_EXPECT_SCALAR
#define SEQUENCE H2O_CONFIGURATOR_FLAG_EXPECT_SEQUENCE
#define IN(member) offsetof(cbx_config_t, member)

struct configurator {
    h2o_configurator_t super;
    cbx_config_t *config;
};

static int on_size(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_unsigned(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_lifetime(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_rate(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_switch(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_text(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_database(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_synchronous(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_token_secret(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_allowed_origins(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_trusted_proxies(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_listen(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_user(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);
static int on_door(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node);

static const struct directive {
    const char *name;
    int flags;
    h2o_configurator_command_cb read;
    size_t member; /* of cbx_config_t, where a number or a text goes */
    uint64_t min, max;
    void (*door)(h2o_pathconf_t *path);
} directives[] = {
    /* H2O's program has these, with these names and values */
    {"listen", GLOBAL | HOST, on_listen, 0, 0, 0, NULL},
    {"user", GLOBAL | SCALAR, on_user, 0, 0, 0, NULL},
    {"num-threads", GLOBAL | SCALAR, on_unsigned, IN(settings.num_threads), 1, 256, NULL},
    {"pid-file", GLOBAL | SCALAR, on_text, IN(pid_file), 0, 0, NULL},
    {"error-log", GLOBAL | SCALAR, on_text, IN(error_log), 0, 0, NULL},
    {"max-connections", GLOBAL | SCALAR, on_size, IN(max_connections), 1, 10000000, NULL},
    {"tcp-fastopen", GLOBAL | SCALAR, on_unsigned, IN(tcp_fastopen), 0, 65535, NULL},

    {"chatterbox.database", GLOBAL | SCALAR, on_database, 0, 0, 0, NULL},
    {"chatterbox.synchronous", GLOBAL | SCALAR, on_synchronous, 0, 0, 0, NULL},
    {"chatterbox.token-secret", GLOBAL | SCALAR, on_token_secret, 0, 0, 0, NULL},
    {"chatterbox.token-secret-file", GLOBAL | SCALAR, on_text, IN(token_secret_file), 0, 0, NULL},
    {"chatterbox.token-lifetime", GLOBAL | SCALAR, on_lifetime, 0, 1, 315360000, NULL}, /* ten years */
    {"chatterbox.guests", GLOBAL | SCALAR, on_switch, IN(settings.guests), 0, 0, NULL},
    {"chatterbox.registration", GLOBAL | SCALAR, on_switch, IN(settings.registration), 0, 0, NULL},
    {"chatterbox.allowed-origins", GLOBAL | SCALAR | SEQUENCE, on_allowed_origins, 0, 0, 0, NULL},
    {"chatterbox.compress", GLOBAL | SCALAR, on_switch, IN(settings.compress), 0, 0, NULL},
    {"chatterbox.message-limit", GLOBAL | SCALAR, on_size, IN(settings.message_limit), 1, 1 << 20, NULL},
    {"chatterbox.rate", GLOBAL | SCALAR, on_rate, 0, 0, 1000000, NULL},
    {"chatterbox.logins-per-minute", GLOBAL | SCALAR, on_unsigned, IN(settings.logins_per_minute), 0, 1000000,
     NULL},
    {"chatterbox.trusted-proxies", GLOBAL | SCALAR | SEQUENCE, on_trusted_proxies, 0, 0, 0, NULL},
    {"chatterbox.outbound-limit", GLOBAL | SCALAR, on_size, IN(settings.outbound_limit), 4096, 1 << 30, NULL},
    {"chatterbox.hello-timeout", GLOBAL | SCALAR, on_unsigned, IN(settings.hello_timeout), 1, 3600, NULL},
    {"chatterbox.ping-interval", GLOBAL | SCALAR, on_unsigned, IN(settings.ping_interval), 1, 3600, NULL},
    {"chatterbox.write-timeout", GLOBAL | SCALAR, on_unsigned, IN(settings.write_timeout), 1, 3600, NULL},

    {"chatterbox.api", PATH | SCALAR, on_door, 0, 0, 0, cbx_http_register_api},
    {"chatterbox.websocket", PATH | SCALAR, on_door, 0, 0, 0, cbx_http_register_websocket},
    {"chatterbox.health", PATH | SCALAR, on_door, 0, 0, 0, cbx_http_register_health},
    {"chatterbox.ready", PATH | SCALAR, on_door, 0, 0, 0, cbx_http_register_ready},
    {"chatterbox.metrics", PATH | SCALAR, on_door, 0, 0, 0, cbx_http_register_metrics},
};

#define DIRECTIVES (sizeof(directives) / sizeof(directives[0]))

static const struct directive *row_of(const h2o_configurator_command_t *cmd)
{
    size_t i = 0;

    while (strcmp(directives[i].name, cmd->name) != 0)
        ++i;
    return &directives[i];
}

static cbx_config_t *config_of(const h2o_configurator_command_t *cmd)
{
    return ((struct configurator *)cmd->configurator)->config;
}

static void *member_of(const h2o_configurator_command_t *cmd)
{
    return (char *)config_of(cmd) + row_of(cmd)->member;
}

static bool read_number(const h2o_configurator_command_t *cmd, const yoml_t *node, uint64_t *number)
{
    const struct directive *row = row_of(cmd);

    return cbx_config_number(node, cmd->name, "the value", row->min, row->max, number);
}

static int on_size(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    uint64_t number;

    (void)ctx;
    if (!read_number(cmd, node, &number))
        return -1;
    *(size_t *)member_of(cmd) = number;
    return 0;
}

static int on_unsigned(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    uint64_t number;

    (void)ctx;
    if (!read_number(cmd, node, &number))
        return -1;
    *(unsigned *)member_of(cmd) = (unsigned)number;
    return 0;
}

static int on_lifetime(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    uint64_t number;

    (void)ctx;
    if (!read_number(cmd, node, &number))
        return -1;
    config_of(cmd)->settings.token_lifetime = (int64_t)number;
    return 0;
}

/* the one number that may have a fraction: 0.5 is one message in two seconds */
static int on_rate(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    const char *text = node->data.scalar;
    char *end;
    double rate = strtod(text, &end);

    (void)ctx;
    if (strspn(text, "0123456789.") != strlen(text) || end == text || *end != '\0' || rate > 1000000) {
        cbx_config_complain(node, cmd->name,
                            "the value must be a number from 0 to 1000000, such as 10 or 0.5");
        return -1;
    }
    config_of(cmd)->settings.rate = rate;
    return 0;
}

static int on_switch(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    (void)ctx;
    return cbx_config_switch(node, cmd->name, "the value", member_of(cmd)) ? 0 : -1;
}

static bool not_empty(const h2o_configurator_command_t *cmd, const yoml_t *node)
{
    if (node->data.scalar[0] == '\0')
        cbx_config_complain(node, cmd->name, "the value must not be empty");
    return node->data.scalar[0] != '\0';
}

static int on_text(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    (void)ctx;
    if (!not_empty(cmd, node))
        return -1;
    *(yoml_t **)member_of(cmd) = node;
    return 0;
}

static int on_database(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    (void)ctx;
    if (!not_empty(cmd, node))
        return -1;
    config_of(cmd)->database = node;
    config_of(cmd)->settings.database = node->data.scalar;
    return 0;
}

static int on_synchronous(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    bool full = strcasecmp(node->data.scalar, "FULL") == 0;

    (void)ctx;
    if (!full && strcasecmp(node->data.scalar, "NORMAL") != 0) {
        cbx_config_complain(node, cmd->name, "the value must be FULL or NORMAL");
        return -1;
    }
    config_of(cmd)->settings.synchronous_full = full;
    return 0;
}

static int on_token_secret(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    cbx_config_t *config = config_of(cmd);

    (void)ctx;
    if (strlen(node->data.scalar) < 32) {
        cbx_config_complain(node, cmd->name,
                            "the secret must be 32 bytes at least, such as `openssl rand -hex 32` prints");
        return -1;
    }
    config->token_secret = node;
    config->settings.token_secret = node->data.scalar;
    config->settings.token_secret_len = strlen(node->data.scalar);
    return 0;
}

/* as browsers send it: scheme, host, perhaps a port, nothing behind */
static bool is_origin(const yoml_t *node)
{
    const char *text = node->type == YOML_TYPE_SCALAR ? node->data.scalar : "";
    const char *host = strncmp(text, "https://", 8) == 0  ? text + 8
                       : strncmp(text, "http://", 7) == 0 ? text + 7
                                                          : "";

    return *host != '\0' && host[strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_:[]")] == '\0';
}

static int on_allowed_origins(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    bool one = node->type == YOML_TYPE_SCALAR;
    size_t n = one ? 1 : node->data.sequence.size;
    char **origins = cbx_zalloc((n + 1) * sizeof(*origins));

    (void)ctx;
    config_of(cmd)->settings.allowed_origins = origins;
    for (size_t i = 0; i != n; ++i) {
        yoml_t *origin = one ? node : node->data.sequence.elements[i];
        if (!is_origin(origin)) {
            cbx_config_complain(origin, cmd->name,
                                "each must be an origin in lower case, such as https://chat.example.org");
            return -1;
        }
        origins[i] = origin->data.scalar;
    }
    return 0;
}

static int on_trusted_proxies(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    bool one = node->type == YOML_TYPE_SCALAR;
    size_t n = one ? 1 : node->data.sequence.size;
    cbx_network_t *proxies = cbx_zalloc((n + 1) * sizeof(*proxies));

    (void)ctx;
    config_of(cmd)->settings.trusted_proxies = proxies;
    config_of(cmd)->settings.trusted_proxies_len = n;
    for (size_t i = 0; i != n; ++i) {
        yoml_t *proxy = one ? node : node->data.sequence.elements[i];
        const char *text = proxy->type == YOML_TYPE_SCALAR ? proxy->data.scalar : "a list in the list";
        const char *wrong = cbx_network_parse(text, &proxies[i]);
        if (wrong != NULL) {
            cbx_config_complain(proxy, cmd->name, "%s %s", text, wrong);
            return -1;
        }
    }
    return 0;
}

static int on_listen(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    return cbx_listen_on_config(cmd, config_of(cmd), ctx->hostconf, node);
}

static int on_user(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    (void)ctx;
    if (getpwnam(node->data.scalar) == NULL) {
        cbx_config_complain(node, cmd->name, "there is no user %s on this machine", node->data.scalar);
        return -1;
    }
    config_of(cmd)->user = node;
    return 0;
}

/* chatterbox.api and its like: ON hangs the handler on the path */
static int on_door(h2o_configurator_command_t *cmd, h2o_configurator_context_t *ctx, yoml_t *node)
{
    bool on;

    if (!cbx_config_switch(node, cmd->name, "the value", &on))
        return -1;
    if (on)
        row_of(cmd)->door(ctx->pathconf);
    return 0;
}

void cbx_directives_define(cbx_config_t *config)
{
    struct configurator *c = (struct configurator *)h2o_configurator_create(&config->global, sizeof(*c));

    c->config = config;
    for (size_t i = 0; i != DIRECTIVES; ++i)
        h2o_configurator_define_command(&c->super, directives[i].name, directives[i].flags,
                                        directives[i].read);
}
