/* yoml.h -- the tree of a configuration, laid out in memory as libh2o 2.2 expects it.
 *
 * h2o/configurator.h includes a "yoml.h" that no package ships. libh2o was compiled against its own copy: it
 * reads these structs, counts references in `_refcnt`, and frees nodes with free(3). So order and types of
 * the members here are a contract with the library, held by assertions below; src/server/yaml.c makes the
 * nodes.
 */
#ifndef yoml_h
#define yoml_h

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum {
    YOML_TYPE_SCALAR = 0,
    YOML_TYPE_SEQUENCE = 1,
    YOML_TYPE_MAPPING = 2,
    YOML__TYPE_UNRESOLVED_ALIAS = 3 /* the library knows it; our loader never leaves one behind */
} yoml_type_t;

typedef struct st_yoml_t yoml_t;

typedef struct {
    yoml_t *key, *value;
} yoml_mapping_element_t;

struct st_yoml_t {
    yoml_type_t type;
    char *filename; /* malloc'ed, as all strings here */
    size_t line;    /* counted from 0; messages add 1 */
    size_t column;
    char *anchor; /* or NULL */
    char *tag;    /* or NULL */
    size_t _refcnt;
    union {
        char *scalar;
        struct {
            size_t size;
            yoml_t *elements[1]; /* `size` of them; the node is allocated as large as that takes */
        } sequence;
        struct {
            size_t size;
            yoml_mapping_element_t elements[1];
        } mapping;
        char *alias;
    } data;
};

_Static_assert(sizeof(void *) != 8 ||
                   (offsetof(yoml_t, filename) == 8 && offsetof(yoml_t, line) == 16 &&
                    offsetof(yoml_t, anchor) == 32 && offsetof(yoml_t, _refcnt) == 48 &&
                    offsetof(yoml_t, data.scalar) == 56 && offsetof(yoml_t, data.mapping.size) == 56 &&
                    offsetof(yoml_t, data.sequence.elements) == 64 &&
                    offsetof(yoml_t, data.mapping.elements) == 64),
               "libh2o would read something else");

/* lends the value of the key `name`; NULL when there is none, or `map` is no mapping */
static inline yoml_t *yoml_get(yoml_t *map, const char *name)
{
    if (map->type == YOML_TYPE_MAPPING)
        for (size_t i = 0; i != map->data.mapping.size; ++i) {
            const yoml_mapping_element_t *e = &map->data.mapping.elements[i];
            if (e->key->type == YOML_TYPE_SCALAR && strcmp(e->key->data.scalar, name) == 0)
                return e->value;
        }
    return NULL;
}

#endif
