/* fuzz_directives.c -- any bytes as a configuration file, up to what its directives mean.
 *
 * What fuzz_config holds of the tree is taken for granted here. The tree is applied as `-t` does it: our
 * directives, those that H2O's program has, and those of its library. Held here: a configuration is taken, or
 * refused with lines of why, which name a place and hold no control character; what is taken is within the
 * bounds that conf/README.md names. Names that would have to be asked for in the DNS, and directives of H2O
 * that read files at once, are passed over.
 *
 * A configuration is never freed (src/server/config.h), so this needs memory for each: run it for long with
 * -fork=1 -ignore_ooms=1.
 */
#include "fuzz.h"
#include "yaml.h"

#include "server/config.h"
#include "server/yaml_tree.h"

/* a word at the tree's keys or values that is not for a fuzzer */
static bool is_for_us(const yoml_t *node)
{
    if (node->type == YOML_TYPE_SEQUENCE)
        for (size_t i = 0; i != node->data.sequence.size; ++i)
            if (!is_for_us(node->data.sequence.elements[i]))
                return false;
    if (node->type != YOML_TYPE_MAPPING)
        return true;
    for (size_t i = 0; i != node->data.mapping.size; ++i) {
        const yoml_mapping_element_t *e = &node->data.mapping.elements[i];
        const char *key = e->key->type == YOML_TYPE_SCALAR ? e->key->data.scalar : "";
        const char *value = e->value->type == YOML_TYPE_SCALAR ? e->value->data.scalar : "";
        if (strncmp(key, "proxy.", 6) == 0 ||
            (strcmp(key, "host") == 0 && value[strspn(value, "0123456789.:")] != '\0'))
            return false;
        if (!is_for_us(e->key) || !is_for_us(e->value))
            return false;
    }
    return true;
}

static void must_be_within_bounds(const cbx_config_t *config)
{
    const cbx_settings_t *s = &config->settings;

    MUST(config->listens.len != 0);
    MUST((config->token_secret != NULL) != (config->token_secret_file != NULL));
    MUST(config->token_secret == NULL || s->token_secret_len >= 32);
    MUST(s->database != NULL && s->database[0] != '\0');
    MUST(s->num_threads >= 1 && s->num_threads <= 256);
    MUST(s->token_lifetime >= 1 && s->token_lifetime <= 315360000);
    MUST(s->message_limit >= 1 && s->message_limit <= 1 << 20);
    MUST(s->rate >= 0 && s->rate <= 1000000);
    MUST(s->outbound_limit >= 4096 && s->outbound_limit <= 1 << 30);
    MUST(s->hello_timeout >= 1 && s->hello_timeout <= 3600);
    MUST(s->ping_interval >= 1 && s->ping_interval <= 3600);
    MUST(s->write_timeout >= 1 && s->write_timeout <= 3600);
    MUST(config->global.max_request_entity_size <= 16 << 20);
    MUST(s->allowed_origins != NULL);
    for (char **origin = s->allowed_origins; *origin != NULL; ++origin)
        MUST(strncmp(*origin, "http", 4) == 0 && strstr(*origin, "://") != NULL);
}

static void must_be_lines_of_why(const char *said, size_t len)
{
    MUST(len != 0 && said[0] == '[' && said[len - 1] == '\n');
    for (size_t i = 0; i != len; ++i)
        MUST(said[i] == '\n' || ((unsigned char)said[i] >= 0x20 && said[i] != 0x7f));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FILE *stderr_before = stderr;
    char why[512], *said = NULL;
    size_t len = 0;
    yoml_t *tree;
    cbx_config_t *config;

    if (may_include(data, size) || (tree = load_bytes(data, size, why, sizeof(why))) == NULL)
        return 0;
    tree = cbx_yaml_spread(tree);
    if (!is_for_us(tree)) {
        cbx_yaml_free(tree);
        return 0;
    }
    MUST((stderr = open_memstream(&said, &len)) != NULL);
    config = cbx_config_read("config", tree, true);
    fclose(stderr);
    stderr = stderr_before;
    if (config != NULL)
        must_be_within_bounds(config);
    else
        must_be_lines_of_why(said, len);
    free(said);
    return 0;
}
