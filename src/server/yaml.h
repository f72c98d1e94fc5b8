/* yaml.h -- a file of YAML as the tree that H2O's configurator reads; the only door to libyaml. */
#ifndef cbx_server_yaml_h
#define cbx_server_yaml_h

#include <stdbool.h>

#include "yoml.h"

#define CBX_YAML_NODES 100000 /* nodes of a tree, with what aliases and includes add */
#define CBX_YAML_DEPTH 64     /* mappings and sequences inside each other, and files inside files */

/* gives the tree of the file: aliases are shared nodes, merge keys (<<) are merged, `!file NAME` is the other
 * file's tree. On failure returns NULL and one line in `why`: "[file:line] what". Free it with cbx_yaml_free.
 */
yoml_t *cbx_yaml_load(const char *path, char *why, size_t why_len);

/* may a key be there more than once? H2O lets `listen`, `access-log` and the header commands repeat, each
 * time with one more value. The tree has such a key once, with the sequence of all values. */
bool cbx_yaml_repeats(const char *key);

/* takes one reference; NULL is harmless */
void cbx_yaml_free(yoml_t *node);

#endif
