/* config.c -- reads a configuration with H2O's own configurator, and what surrounds that.
 *
 * Main thread, at the start only. The configuration is an h2o.conf: H2O's library brings its directives,
 * directives.c adds ours and those that H2O keeps in its program. Before H2O applies the tree, we look at the
 * names ourselves: H2O says that a command is unknown, we say which one was probably meant.
 */
#include "server/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "base/buf.h"
#include "http/client.h"
#include "http/http.h"
#include "http/watch.h"
#include "server/yaml_tree.h"

#define BODY_DEFAULT (1 << 20)
#define SECONDS_MAX 86400   /* a day: who means more, means no limit */
#define BODY_MAX (16 << 20) /* above 32 MB H2O maps files in /tmp */

void cbx_config_complain(const yoml_t *at, const char *command, const char *fmt, ...)
{
    char what[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    for (char *p = what; *p != '\0'; ++p)
        if (iscntrl((unsigned char)*p))
            *p = '?';
    fprintf(stderr, "[%s:%zu] %s%s%s%s\n", at->filename, at->line + 1, command != NULL ? "in command " : "",
            command != NULL ? command : "", command != NULL ? ", " : "", what);
}

bool cbx_config_switch(const yoml_t *node, const char *command, const char *what, bool *on)
{
    if (node->type == YOML_TYPE_SCALAR) {
        *on = strcasecmp(node->data.scalar, "ON") == 0;
        if (*on || strcasecmp(node->data.scalar, "OFF") == 0)
            return true;
    }
    cbx_config_complain(node, command, "%s must be ON or OFF", what);
    return false;
}

bool cbx_config_number(const yoml_t *node, const char *command, const char *what, uint64_t min, uint64_t max,
                       uint64_t *number)
{
    char *end;

    if (node->type == YOML_TYPE_SCALAR && isdigit((unsigned char)node->data.scalar[0])) {
        errno = 0;
        *number = strtoull(node->data.scalar, &end, 10);
        if (*end == '\0' && errno == 0 && *number >= min && *number <= max)
            return true;
    }
    cbx_config_complain(node, command, "%s must be a whole number from %llu to %llu", what,
                        (unsigned long long)min, (unsigned long long)max);
    return false;
}

/* -- names -- */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* letters to change, add or drop between the two (Levenshtein) */
static size_t distance(const char *a, const char *b)
{
    size_t row[64], len = strlen(b);

    if (len >= sizeof(row) / sizeof(row[0]))
        return SIZE_MAX;
    for (size_t j = 0; j <= len; ++j)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; ++i) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= len; ++j) {
            size_t above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[len];
}

static const char *nearest(h2o_globalconf_t *global, const char *name)
{
    const char *best = "hosts";
    size_t best_distance = SIZE_MAX;

    for (h2o_linklist_t *n = global->configurators.next; n != &global->configurators; n = n->next) {
        h2o_configurator_t *c = H2O_STRUCT_FROM_MEMBER(h2o_configurator_t, _link, n);
        for (size_t i = 0; i != c->commands.size; ++i) {
            size_t d = distance(name, c->commands.entries[i].name);
            if (d < best_distance) {
                best_distance = d;
                best = c->commands.entries[i].name;
            }
        }
    }
    return best;
}

/* -- values that H2O takes too easily -- */

/* H2O reads a number and ignores what is behind it */
static const struct {
    const char *name;
    uint64_t max;
} numbers[] = {
    {"limit-request-body", BODY_MAX},
    {"max-delegations", 100},
    {"handshake-timeout", SECONDS_MAX},
    {"http1-request-timeout", SECONDS_MAX},
    {"http2-idle-timeout", SECONDS_MAX},
    {"http2-graceful-shutdown-timeout", SECONDS_MAX},
    {"http2-max-concurrent-requests-per-connection", 100}, /* more streams than that H2O does not allow */
    {"http2-latency-optimization-min-rtt", UINT32_MAX},
    {"http2-latency-optimization-max-cwnd", UINT32_MAX},
    {"compress-minimum-size", SIZE_MAX},
    {"proxy.timeout.io", SECONDS_MAX * 1000},
    {"proxy.timeout.keepalive", SECONDS_MAX * 1000},
    {"proxy.websocket.timeout", SECONDS_MAX * 1000},
};

/* H2O compiles it only where it opens the file, which a check does not */
static bool check_log_format(yoml_t *log)
{
    yoml_t *format = log->type == YOML_TYPE_MAPPING ? yoml_get(log, "format") : NULL;
    char why[256] = "";
    h2o_logconf_t *compiled;

    if (format == NULL || format->type != YOML_TYPE_SCALAR)
        return true;
    if ((compiled = h2o_logconf_compile(format->data.scalar, H2O_LOGCONF_ESCAPE_APACHE, why)) == NULL) {
        cbx_config_complain(format, "access-log", "%s", why);
        return false;
    }
    h2o_logconf_dispose(compiled);
    return true;
}

static bool check_value(const char *name, yoml_t *value)
{
    uint64_t number;

    for (size_t i = 0; i != sizeof(numbers) / sizeof(numbers[0]); ++i)
        if (strcmp(name, numbers[i].name) == 0 && value->type == YOML_TYPE_SCALAR)
            return cbx_config_number(value, name, "the value", 0, numbers[i].max, &number);
    if (strcmp(name, "access-log") != 0)
        return true;
    if (value->type != YOML_TYPE_SEQUENCE)
        return check_log_format(value);
    for (size_t i = 0; i != value->data.sequence.size; ++i)
        if (!check_log_format(value->data.sequence.elements[i]))
            return false;
    return true;
}

/* the names and values in a mapping of directives and, below `hosts` and `paths`, of the mappings in there.
 * What has not the right shape is passed over: H2O complains about that. */
static bool check_mapping(h2o_globalconf_t *global, yoml_t *node)
{
    if (node->type == YOML_TYPE_SEQUENCE)
        for (size_t i = 0; i != node->data.sequence.size; ++i)
            if (!check_mapping(global, node->data.sequence.elements[i]))
                return false;
    if (node->type != YOML_TYPE_MAPPING)
        return true;
    for (size_t i = 0; i != node->data.mapping.size; ++i) {
        yoml_t *key = node->data.mapping.elements[i].key, *value = node->data.mapping.elements[i].value;
        if (key->type != YOML_TYPE_SCALAR)
            continue;
        if (h2o_configurator_get_command(global, key->data.scalar) == NULL) {
            cbx_config_complain(key, NULL, "unknown command: %s; did you mean %s?", key->data.scalar,
                                nearest(global, key->data.scalar));
            return false;
        }
        if (!check_value(key->data.scalar, value))
            return false;
        if ((strcmp(key->data.scalar, "hosts") == 0 || strcmp(key->data.scalar, "paths") == 0) &&
            value->type == YOML_TYPE_MAPPING)
            for (size_t j = 0; j != value->data.mapping.size; ++j)
                if (!check_mapping(global, value->data.mapping.elements[j].value))
                    return false;
    }
    return true;
}

/* -- the tree -- */

yoml_t *cbx_config_load(const char *path)
{
    char why[512];
    yoml_t *tree = cbx_yaml_load(path, why, sizeof(why));

    if (tree == NULL)
        fprintf(stderr, "%s\n", why);
    return tree != NULL ? cbx_yaml_spread(tree) : NULL;
}

/* -- access logs -- */

static bool access_log(yoml_t *node, bool (*check)(const yoml_t *path, void *arg), void *arg)
{
    const yoml_t *path = node->type == YOML_TYPE_MAPPING ? yoml_get(node, "path") : node;

    if (path == NULL || path->type != YOML_TYPE_SCALAR || path->data.scalar[0] == '|')
        return true;
    return check(path, arg);
}

bool cbx_config_access_logs(yoml_t *node, bool (*check)(const yoml_t *path, void *arg), void *arg)
{
    if (node->type == YOML_TYPE_SEQUENCE)
        for (size_t i = 0; i != node->data.sequence.size; ++i)
            if (!cbx_config_access_logs(node->data.sequence.elements[i], check, arg))
                return false;
    if (node->type == YOML_TYPE_MAPPING)
        for (size_t i = 0; i != node->data.mapping.size; ++i) {
            yoml_t *key = node->data.mapping.elements[i].key, *value = node->data.mapping.elements[i].value;
            if (key->type == YOML_TYPE_SCALAR && strcmp(key->data.scalar, "access-log") == 0) {
                if (!access_log(value, check, arg))
                    return false;
            } else if (!cbx_config_access_logs(value, check, arg)) {
                return false;
            }
        }
    return true;
}

/* -- the whole -- */

static void register_commands(cbx_config_t *config)
{
    h2o_globalconf_t *global = &config->global;

    h2o_access_log_register_configurator(global);
    h2o_compress_register_configurator(global);
    h2o_errordoc_register_configurator(global);
    h2o_expires_register_configurator(global);
    h2o_file_register_configurator(global);
    h2o_headers_register_configurator(global);
    h2o_proxy_register_configurator(global);
    h2o_reproxy_register_configurator(global);
    h2o_redirect_register_configurator(global);
    h2o_status_register_configurator(global);
    h2o_throttle_resp_register_configurator(global);
    cbx_directives_define(config);
}

static void set_defaults(cbx_config_t *config)
{
    static char *no_origins[] = {NULL};
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    config->global.max_request_entity_size = BODY_DEFAULT;
    config->global.http1.upgrade_to_http2 = 0; /* browsers speak HTTP/2 behind TLS only */
    config->global.server_name = h2o_iovec_init(H2O_STRLIT("chatterbox"));
    config->settings = (cbx_settings_t){
        .database = "var/chat.db",
        .synchronous_full = true,
        .token_lifetime = 604800,
        .guests = true,
        .registration = true,
        .allowed_origins = no_origins,
        .compress = true,
        .message_limit = 16384,
        .rate = 10,
        .logins_per_minute = 60,
        .outbound_limit = 1048576,
        .hello_timeout = 10,
        .ping_interval = 30,
        .write_timeout = 30,
        .num_threads = cores < 1     ? 1
                       : cores > 256 ? 256
                                     : (unsigned)cores,
    };
}

/* what no directive can see alone */
static bool check_together(cbx_config_t *config)
{
    if (config->listens.len == 0) {
        cbx_config_complain(config->tree, NULL, "nobody could connect: add listen, such as `listen: 8080`");
        return false;
    }
    if (config->token_secret != NULL && config->token_secret_file != NULL) {
        cbx_config_complain(config->token_secret, "chatterbox.token-secret",
                            "chatterbox.token-secret-file is there too; keep one of them");
        return false;
    }
    if (config->token_secret == NULL && config->token_secret_file == NULL) {
        cbx_config_complain(
            config->tree, NULL,
            "the key of the tokens is missing: add `chatterbox.token-secret-file: var/secret` (the "
            "file is made at the first start)");
        return false;
    }
    return true;
}

/* none is ever freed (see config.h), and leak checkers shall know that it is meant so */
static cbx_config_t *newest;

cbx_config_t *cbx_config_read(const char *path, yoml_t *tree, bool dry)
{
    cbx_config_t *config = cbx_zalloc(sizeof(*config));

    config->older = newest;
    newest = config;
    config->path = path;
    config->tree = tree;
    h2o_config_init(&config->global);
    set_defaults(config);
    register_commands(config);
    if (tree->type != YOML_TYPE_MAPPING) {
        cbx_config_complain(tree, NULL, "a configuration is a mapping of directives, such as `listen: 8080`");
        return NULL;
    }
    if (!check_mapping(&config->global, tree) || h2o_configurator_apply(&config->global, tree, dry) != 0 ||
        !check_together(config))
        return NULL;
    /* H2O's program does this, its library does not: without a cache each request opens its file again */
    config->global.filecache.capacity = config->global.http2.max_concurrent_requests_per_connection * 2;
    for (h2o_hostconf_t **host = config->global.hosts; *host != NULL; ++host) {
        cbx_http_register_too_large(*host);
        cbx_http_register_gate(*host);
        cbx_watch_register(*host);
        cbx_client_register(*host, &config->settings);
    }
    cbx_listens_bind_hosts(&config->listens, config->global.hosts);
    return config;
}
