/* yaml_tree.h -- what is done to trees beside reading them. */
#ifndef cbx_server_yaml_tree_h
#define cbx_server_yaml_tree_h

#include "server/yaml.h"

/* is it `<<`? */
bool cbx_yaml_is_merge(const yoml_t *key);
/* lends the pair that has the same scalar as key (but `<<`), or NULL */
yoml_mapping_element_t *cbx_yaml_find(yoml_t *map, const yoml_t *key);

/* take what is added, and give the sequence or mapping, which may have moved */
yoml_t *cbx_yaml_append(yoml_t *seq, yoml_t *element);
yoml_t *cbx_yaml_put(yoml_t *map, yoml_t *key, yoml_t *value);

/* is it a mapping or a sequence of mappings? */
bool cbx_yaml_may_merge(const yoml_t *value);
/* takes out the pairs whose key is `<<` (and whose values may merge), and merges them behind the others,
 * which so win */
yoml_t *cbx_yaml_merge(yoml_t *map);

/* adds `value`, or all that is in it, to the sequence; shares, takes nothing */
yoml_t *cbx_yaml_fold(yoml_t *seq, yoml_t *value);
/* takes a node of directives, at any level, and gives one where a repeating command (cbx_yaml_repeats) with a
 * sequence of values is there once for each of them, as H2O wants to see it */
yoml_t *cbx_yaml_spread(yoml_t *node);

#endif
