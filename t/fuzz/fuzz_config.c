/* fuzz_config.c -- any bytes as a configuration file.
 *
 * Held here: a file gives a tree or one line of why; a tree is no larger than promised, has no
 * key twice and no merge key left; and written out plainly and read again it is the same tree. Inputs that
 * could name other files (`!file`) are passed over: the fuzzer must not read the machine it runs on.
 */
#include "fuzz.h"

#include "yaml.h"

struct shape {
    size_t nodes; /* as if aliases were copies */
    unsigned depth;
};

/* quadratic, so only for small ones */
static void must_have_each_key_once(const yoml_t *map)
{
    for (size_t i = 0; i != map->data.mapping.size && map->data.mapping.size < 100; ++i) {
        const yoml_mapping_element_t *e = &map->data.mapping.elements[i];
        if (e->key->type != YOML_TYPE_SCALAR)
            continue;
        MUST(strcmp(e->key->data.scalar, "<<") != 0);
        MUST(yoml_get((yoml_t *)map, e->key->data.scalar) == e->value);
    }
}

static void must_be_tree(const yoml_t *node, unsigned depth, struct shape *shape)
{
    ++shape->nodes;
    shape->depth = depth > shape->depth ? depth : shape->depth;
    MUST(node->_refcnt > 0 && node->filename != NULL);
    if (node->type == YOML_TYPE_SCALAR) {
        MUST(node->data.scalar != NULL);
    } else if (node->type == YOML_TYPE_SEQUENCE) {
        for (size_t i = 0; i != node->data.sequence.size; ++i)
            must_be_tree(node->data.sequence.elements[i], depth + 1, shape);
    } else {
        MUST(node->type == YOML_TYPE_MAPPING);
        for (size_t i = 0; i != node->data.mapping.size; ++i) {
            const yoml_mapping_element_t *e = &node->data.mapping.elements[i];
            must_be_tree(e->key, depth + 1, shape);
            must_be_tree(e->value, depth + 1, shape);
        }
        must_have_each_key_once(node);
    }
}

/* a double-quoted scalar, every byte of ASCII as \xNN; others are UTF-8, and libyaml takes those by number */
static void write_scalar(FILE *out, const unsigned char *p)
{
    fputc('"', out);
    while (*p != '\0') {
        unsigned more = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
        unsigned long point = more == 0 ? *p : *p & (0x3fu >> more);
        for (++p; more != 0; --more)
            point = point << 6 | (*p++ & 0x3f);
        fprintf(out, "\\U%08lx", point);
    }
    fputc('"', out);
}

static void write_tree(FILE *out, const yoml_t *node)
{
    if (node->type == YOML_TYPE_SCALAR) {
        write_scalar(out, (const unsigned char *)node->data.scalar);
    } else if (node->type == YOML_TYPE_SEQUENCE) {
        fputc('[', out);
        for (size_t i = 0; i != node->data.sequence.size; ++i) {
            write_tree(out, node->data.sequence.elements[i]);
            fputs(", ", out);
        }
        fputc(']', out);
    } else {
        fputc('{', out);
        for (size_t i = 0; i != node->data.mapping.size; ++i) {
            fputs("? ", out);
            write_tree(out, node->data.mapping.elements[i].key);
            fputs(" : ", out);
            write_tree(out, node->data.mapping.elements[i].value);
            fputs(", ", out);
        }
        fputc('}', out);
    }
}

static void must_be_same_tree(const yoml_t *a, const yoml_t *b)
{
    MUST(a->type == b->type);
    if (a->type == YOML_TYPE_SCALAR) {
        MUST(strcmp(a->data.scalar, b->data.scalar) == 0);
    } else if (a->type == YOML_TYPE_SEQUENCE) {
        MUST(a->data.sequence.size == b->data.sequence.size);
        for (size_t i = 0; i != a->data.sequence.size; ++i)
            must_be_same_tree(a->data.sequence.elements[i], b->data.sequence.elements[i]);
    } else {
        MUST(a->data.mapping.size == b->data.mapping.size);
        for (size_t i = 0; i != a->data.mapping.size; ++i) {
            must_be_same_tree(a->data.mapping.elements[i].key, b->data.mapping.elements[i].key);
            must_be_same_tree(a->data.mapping.elements[i].value, b->data.mapping.elements[i].value);
        }
    }
}

static void must_load_again(const yoml_t *tree)
{
    char *bytes, why[512];
    size_t len;
    FILE *out = open_memstream(&bytes, &len);
    yoml_t *again;

    MUST(out != NULL);
    write_tree(out, tree);
    fclose(out);
    again = load_bytes(bytes, len, why, sizeof(why));
    MUST(again != NULL);
    must_be_same_tree(tree, again);
    cbx_yaml_free(again);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char why[512];
    struct shape shape = {0};
    yoml_t *tree;

    if (may_include(data, size))
        return 0;
    tree = load_bytes(data, size, why, sizeof(why));
    MUST((tree == NULL) == (why[0] == '['));
    if (tree == NULL) {
        MUST(strchr(why, '\n') == NULL);
        return 0;
    }
    must_be_tree(tree, 1, &shape);
    MUST(shape.nodes <= CBX_YAML_NODES);
    if (shape.depth <= CBX_YAML_DEPTH) /* aliases inside aliases may nest deeper than a file may be written */
        must_load_again(tree);
    cbx_yaml_free(tree);
    return 0;
}
