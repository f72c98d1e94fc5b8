/* yaml_tree.c -- what is done to trees beside reading them: adding, merging, folding, spreading, freeing.
 *
 * Nodes are shared by aliases, so a node that others may have is never changed: it is copied, or another one
 * is put in its place. Memory is as libh2o wants it: each node and each string by itself, from malloc.
 */
#include "server/yaml_tree.h"

#include <string.h>

#include "base/buf.h"

void cbx_yaml_free(yoml_t *node)
{
    if (node == NULL || --node->_refcnt != 0)
        return;
    if (node->type == YOML_TYPE_SCALAR)
        free(node->data.scalar);
    if (node->type == YOML_TYPE_SEQUENCE)
        for (size_t i = 0; i != node->data.sequence.size; ++i)
            cbx_yaml_free(node->data.sequence.elements[i]);
    if (node->type == YOML_TYPE_MAPPING)
        for (size_t i = 0; i != node->data.mapping.size; ++i) {
            cbx_yaml_free(node->data.mapping.elements[i].key);
            cbx_yaml_free(node->data.mapping.elements[i].value);
        }
    free(node->filename);
    free(node->anchor);
    free(node->tag);
    free(node);
}

bool cbx_yaml_repeats(const char *key)
{
    return strcmp(key, "listen") == 0 || strcmp(key, "access-log") == 0 || strncmp(key, "header.", 7) == 0 ||
           strncmp(key, "proxy.header.", 13) == 0;
}

bool cbx_yaml_is_merge(const yoml_t *key)
{
    return key->type == YOML_TYPE_SCALAR && strcmp(key->data.scalar, "<<") == 0;
}

yoml_t *cbx_yaml_append(yoml_t *seq, yoml_t *element)
{
    size_t n = seq->data.sequence.size;

    seq = cbx_realloc(seq, sizeof(*seq) + n * sizeof(seq->data.sequence.elements[0]));
    seq->data.sequence.elements[n] = element;
    seq->data.sequence.size = n + 1;
    return seq;
}

yoml_t *cbx_yaml_put(yoml_t *map, yoml_t *key, yoml_t *value)
{
    size_t n = map->data.mapping.size;

    map = cbx_realloc(map, sizeof(*map) + n * sizeof(map->data.mapping.elements[0]));
    map->data.mapping.elements[n] = (yoml_mapping_element_t){key, value};
    map->data.mapping.size = n + 1;
    return map;
}

yoml_mapping_element_t *cbx_yaml_find(yoml_t *map, const yoml_t *key)
{
    if (key->type == YOML_TYPE_SCALAR && !cbx_yaml_is_merge(key))
        for (size_t i = 0; i != map->data.mapping.size; ++i) {
            yoml_mapping_element_t *e = &map->data.mapping.elements[i];
            if (e->key->type == YOML_TYPE_SCALAR && strcmp(e->key->data.scalar, key->data.scalar) == 0)
                return e;
        }
    return NULL;
}

/* -- merge keys -- */

/* adds what `from` has and `map` has not */
static yoml_t *merge_one(yoml_t *map, const yoml_t *from)
{
    for (size_t i = 0; i != from->data.mapping.size; ++i) {
        yoml_t *key = from->data.mapping.elements[i].key, *value = from->data.mapping.elements[i].value;

        if (cbx_yaml_find(map, key) != NULL)
            continue;
        ++key->_refcnt;
        ++value->_refcnt;
        map = cbx_yaml_put(map, key, value);
    }
    return map;
}

/* takes the value of a merge key; of two mappings that have a key, the first wins */
static yoml_t *merge(yoml_t *map, yoml_t *value)
{
    if (value->type == YOML_TYPE_MAPPING)
        map = merge_one(map, value);
    else
        for (size_t i = 0; i != value->data.sequence.size; ++i)
            map = merge_one(map, value->data.sequence.elements[i]);
    cbx_yaml_free(value);
    return map;
}

bool cbx_yaml_may_merge(const yoml_t *value)
{
    if (value->type != YOML_TYPE_SEQUENCE)
        return value->type == YOML_TYPE_MAPPING;
    for (size_t i = 0; i != value->data.sequence.size; ++i)
        if (value->data.sequence.elements[i]->type != YOML_TYPE_MAPPING)
            return false;
    return true;
}

yoml_t *cbx_yaml_merge(yoml_t *map)
{
    size_t n = 0, merges_len = 0, size = map->data.mapping.size;
    yoml_t **merges = cbx_zalloc((size + 1) * sizeof(*merges));

    for (size_t i = 0; i != size; ++i) {
        yoml_mapping_element_t e = map->data.mapping.elements[i];
        if (cbx_yaml_is_merge(e.key)) {
            cbx_yaml_free(e.key);
            merges[merges_len++] = e.value;
        } else {
            map->data.mapping.elements[n++] = e;
        }
    }
    map->data.mapping.size = n;
    for (size_t i = 0; i != merges_len; ++i)
        map = merge(map, merges[i]);
    free(merges);
    return map;
}

/* -- commands that repeat -- */

yoml_t *cbx_yaml_fold(yoml_t *seq, yoml_t *value)
{
    bool list = value->type == YOML_TYPE_SEQUENCE;

    for (size_t i = 0; i != (list ? value->data.sequence.size : 1); ++i) {
        yoml_t *element = list ? value->data.sequence.elements[i] : value;
        ++element->_refcnt;
        seq = cbx_yaml_append(seq, element);
    }
    return seq;
}

/* gives a node like `map` in which a repeating command with a sequence of values is there once for each of
 * them */
static yoml_t *spread_map(const yoml_t *map)
{
    yoml_t *out = (yoml_t *)cbx_memdup(map, sizeof(*map));
    size_t n = 0, cap = map->data.mapping.size;

    for (size_t i = 0; i != map->data.mapping.size; ++i)
        if (map->data.mapping.elements[i].value->type == YOML_TYPE_SEQUENCE)
            cap += map->data.mapping.elements[i].value->data.sequence.size;
    out = cbx_realloc(out, sizeof(*out) + cap * sizeof(out->data.mapping.elements[0]));
    out->filename = cbx_strdup(map->filename);
    out->anchor = out->tag = NULL;
    out->_refcnt = 1;
    for (size_t i = 0; i != map->data.mapping.size; ++i) {
        const yoml_mapping_element_t *e = &map->data.mapping.elements[i];
        bool list = e->value->type == YOML_TYPE_SEQUENCE && e->key->type == YOML_TYPE_SCALAR &&
                    cbx_yaml_repeats(e->key->data.scalar);
        for (size_t j = 0; j != (list ? e->value->data.sequence.size : 1); ++j) {
            yoml_t *value = list ? e->value->data.sequence.elements[j] : e->value;
            ++e->key->_refcnt;
            ++value->_refcnt;
            out->data.mapping.elements[n++] = (yoml_mapping_element_t){e->key, value};
        }
    }
    out->data.mapping.size = n;
    return out;
}

yoml_t *cbx_yaml_spread(yoml_t *node)
{
    yoml_t *out = node;

    if (node->type == YOML_TYPE_SEQUENCE) {
        for (size_t i = 0; i != node->data.sequence.size; ++i)
            node->data.sequence.elements[i] = cbx_yaml_spread(node->data.sequence.elements[i]);
    } else if (node->type == YOML_TYPE_MAPPING) {
        out = spread_map(node);
        cbx_yaml_free(node);
        for (size_t i = 0; i != out->data.mapping.size; ++i) {
            yoml_mapping_element_t *e = &out->data.mapping.elements[i];
            /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): `out` holds them, too */
            bool levels = e->key->type == YOML_TYPE_SCALAR && (strcmp(e->key->data.scalar, "hosts") == 0 ||
                                                               strcmp(e->key->data.scalar, "paths") == 0);
            if (levels && e->value->type == YOML_TYPE_MAPPING) {
                yoml_t *below = spread_map(e->value);
                cbx_yaml_free(e->value);
                e->value = below;
                for (size_t j = 0; j != below->data.mapping.size; ++j)
                    below->data.mapping.elements[j].value =
                        cbx_yaml_spread(below->data.mapping.elements[j].value);
            }
        }
    }
    return out;
}
