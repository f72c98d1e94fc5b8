/* yaml.c -- from libyaml's events to H2O's tree.
 *
 * Called once at the start, on the main thread, by config.c (and by the tests). Differs from H2O's own loader
 * where that is silent about mistakes: a key that is there twice is refused (but those that repeat, see
 * yaml.h), and so are an alias to something that contains it, an alias that was not defined before, a second
 * document, and trees that aliases blow up beyond CBX_YAML_NODES. Lines are counted as H2O does: from 0, and
 * a block scalar (| or >) lies on the line behind its mark.
 */
#include "server/yaml_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <yaml.h>

#include "base/buf.h"

struct anchor {
    struct anchor *next;
    char *name;
    yoml_t *node; /* NULL while it is being read */
};

struct loader {
    yaml_parser_t parser;
    const char *file;
    struct anchor *anchors; /* newest first */
    char *why;
    size_t why_len;
    unsigned depth;
    size_t *budget; /* nodes that may still be made; shared with included files */
};

static yoml_t *read_node(struct loader *l, const yaml_event_t *event);
static yoml_t *load_file(const char *path, const yoml_t *from, unsigned depth, size_t *budget, char *why,
                         size_t why_len);

/* says what is wrong, once; always NULL */
__attribute__((format(printf, 3, 4))) static yoml_t *fail(struct loader *l, size_t line, const char *fmt, ...)
{
    char what[256];
    va_list args;

    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    for (char *p = what; *p != '\0'; ++p) /* one line, whatever the file holds */
        if ((unsigned char)*p < ' ')
            *p = '?';
    if (l->why[0] == '\0')
        snprintf(l->why, l->why_len, "[%s:%zu] %s", l->file, line + 1, what);
    return NULL;
}

static bool next_event(struct loader *l, yaml_event_t *event)
{
    if (yaml_parser_parse(&l->parser, event))
        return true;
    fail(l, l->parser.problem_mark.line, "%s", l->parser.problem != NULL ? l->parser.problem : "not YAML");
    return false;
}

static bool spend(struct loader *l, size_t nodes, size_t line)
{
    if (nodes > *l->budget) {
        fail(l, line, "the configuration grows beyond %d nodes; aliases multiply", CBX_YAML_NODES);
        return false;
    }
    *l->budget -= nodes;
    return true;
}

static char *dup_or_null(const yaml_char_t *text)
{
    return text != NULL ? cbx_strdup((const char *)text) : NULL;
}

static yoml_t *new_node(struct loader *l, yoml_type_t type, const yaml_event_t *event,
                        const yaml_char_t *anchor, const yaml_char_t *tag)
{
    yoml_t *node;

    if (!spend(l, 1, event->start_mark.line))
        return NULL;
    node = cbx_zalloc(sizeof(*node));
    node->type = type;
    node->filename = cbx_strdup(l->file);
    node->line = event->start_mark.line;
    node->column = event->start_mark.column;
    node->anchor = dup_or_null(anchor);
    node->tag = dup_or_null(tag);
    node->_refcnt = 1;
    return node;
}

/* -- anchors -- */

/* the anchor is being read from now on: an alias to it would contain itself */
static struct anchor *open_anchor(struct loader *l, const char *name)
{
    struct anchor *a;

    if (name == NULL)
        return NULL;
    a = cbx_zalloc(sizeof(*a));
    a->name = cbx_strdup(name);
    a->next = l->anchors;
    l->anchors = a;
    return a;
}

static void free_anchors(struct loader *l)
{
    for (struct anchor *a = l->anchors, *next; a != NULL; a = next) {
        next = a->next;
        cbx_yaml_free(a->node);
        free(a->name);
        free(a);
    }
}

/* nodes below and with `node`, as if every alias were a copy; stops counting above `limit` */
static size_t expanded(const yoml_t *node, size_t limit)
{
    size_t n = 1;

    if (node->type == YOML_TYPE_SEQUENCE)
        for (size_t i = 0; i != node->data.sequence.size && n <= limit; ++i)
            n += expanded(node->data.sequence.elements[i], limit - n);
    if (node->type == YOML_TYPE_MAPPING)
        for (size_t i = 0; i != node->data.mapping.size && n <= limit; ++i) {
            n += expanded(node->data.mapping.elements[i].key, limit - n);
            if (n <= limit)
                n += expanded(node->data.mapping.elements[i].value, limit - n);
        }
    return n;
}

static yoml_t *read_alias(struct loader *l, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    size_t line = event->start_mark.line;
    struct anchor *a = l->anchors;

    while (a != NULL && strcmp(a->name, name) != 0)
        a = a->next;
    if (a == NULL)
        return fail(l, line, "alias *%s without an anchor &%s before it", name, name);
    if (a->node == NULL)
        return fail(l, line, "alias *%s lies inside of its own anchor", name);
    if (!spend(l, expanded(a->node, *l->budget), line))
        return NULL;
    ++a->node->_refcnt;
    return a->node;
}

/* -- scalars -- */

static yoml_t *include(struct loader *l, yoml_t *name)
{
    yoml_t *tree = load_file(name->data.scalar, name, l->depth + 1, l->budget, l->why, l->why_len);

    cbx_yaml_free(name);
    return tree;
}

static yoml_t *read_scalar(struct loader *l, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    yaml_scalar_style_t style = event->data.scalar.style;
    yoml_t *node;

    if (strlen(text) != event->data.scalar.length)
        return fail(l, event->start_mark.line, "a NUL character in a value");
    node = new_node(l, YOML_TYPE_SCALAR, event, event->data.scalar.anchor, event->data.scalar.tag);
    if (node == NULL)
        return NULL;
    if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE)
        ++node->line;
    node->data.scalar = cbx_strdup(text);
    return node->tag != NULL && strcmp(node->tag, "!file") == 0 ? include(l, node) : node;
}

/* -- sequences -- */

static yoml_t *read_sequence(struct loader *l, const yaml_event_t *start)
{
    yoml_t *seq, *element = NULL;
    yaml_event_t event;
    bool end = false;

    seq = new_node(l, YOML_TYPE_SEQUENCE, start, start->data.sequence_start.anchor,
                   start->data.sequence_start.tag);
    while (seq != NULL && !end) {
        if (!next_event(l, &event))
            break;
        if (!(end = event.type == YAML_SEQUENCE_END_EVENT) && (element = read_node(l, &event)) != NULL)
            seq = cbx_yaml_append(seq, element);
        yaml_event_delete(&event);
        if (!end && element == NULL)
            break;
    }
    if (end)
        return seq;
    cbx_yaml_free(seq);
    return NULL;
}

/* -- mappings -- */

static yoml_t *read_value(struct loader *l)
{
    yaml_event_t event;
    yoml_t *value;

    if (!next_event(l, &event))
        return NULL;
    value = read_node(l, &event);
    yaml_event_delete(&event);
    return value;
}

/* puts `value` with what `e` has into a sequence, in the place of that */
static bool fold(struct loader *l, yoml_mapping_element_t *e, const yaml_event_t *event, yoml_t *value)
{
    yoml_t *seq = new_node(l, YOML_TYPE_SEQUENCE, event, NULL, NULL);

    if (seq != NULL) {
        seq->line = e->value->line;
        seq = cbx_yaml_fold(cbx_yaml_fold(seq, e->value), value);
        cbx_yaml_free(e->value);
        e->value = seq;
    }
    return seq != NULL;
}

/* takes the key, whose value comes next; false, and the mapping is as it was, when something is wrong */
static bool read_pair(struct loader *l, yoml_t **map, const yaml_event_t *event, yoml_t *key)
{
    yoml_mapping_element_t *same = cbx_yaml_find(*map, key);
    yoml_t *value = NULL;
    bool ok = false;

    if (same != NULL && !cbx_yaml_repeats(key->data.scalar))
        fail(l, key->line, "the key %s is there already, on line %zu; keep one of them", key->data.scalar,
             same->key->line + 1);
    else if ((value = read_value(l)) != NULL && cbx_yaml_is_merge(key) && !cbx_yaml_may_merge(value))
        fail(l, value->line, "the value of << must be a mapping or a sequence of mappings");
    else if (value != NULL && same == NULL) {
        *map = cbx_yaml_put(*map, key, value);
        return true;
    } else if (value != NULL) {
        ok = fold(l, same, event, value);
    }
    cbx_yaml_free(key);
    cbx_yaml_free(value);
    return ok;
}

static yoml_t *read_mapping(struct loader *l, const yaml_event_t *start)
{
    yaml_event_t event;
    yoml_t *map, *key;
    bool end = false, ok = true;

    map = new_node(l, YOML_TYPE_MAPPING, start, start->data.mapping_start.anchor,
                   start->data.mapping_start.tag);
    while (map != NULL && ok && !end) {
        if (!next_event(l, &event))
            break;
        if (!(end = event.type == YAML_MAPPING_END_EVENT))
            ok = (key = read_node(l, &event)) != NULL && read_pair(l, &map, &event, key);
        yaml_event_delete(&event);
    }
    if (end)
        return cbx_yaml_merge(map);
    cbx_yaml_free(map);
    return NULL;
}

/* -- nodes, documents, files -- */

static const char *anchor_of(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return (const char *)event->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT:
        return (const char *)event->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT:
        return (const char *)event->data.mapping_start.anchor;
    default:
        return NULL;
    }
}

static yoml_t *read_node(struct loader *l, const yaml_event_t *event)
{
    struct anchor *anchor = open_anchor(l, anchor_of(event));
    yoml_t *node;

    if (++l->depth > CBX_YAML_DEPTH)
        node = fail(l, event->start_mark.line, "nested deeper than %d", CBX_YAML_DEPTH);
    else if (event->type == YAML_ALIAS_EVENT)
        node = read_alias(l, event);
    else if (event->type == YAML_SCALAR_EVENT)
        node = read_scalar(l, event);
    else if (event->type == YAML_SEQUENCE_START_EVENT)
        node = read_sequence(l, event);
    else if (event->type == YAML_MAPPING_START_EVENT)
        node = read_mapping(l, event);
    else
        node = fail(l, event->start_mark.line, "the file holds nothing; a configuration is a mapping");
    --l->depth;
    if (anchor != NULL && (anchor->node = node) != NULL)
        ++node->_refcnt; /* the tree may drop it: a merge key, say */
    return node;
}

/* passes over the marks around a document, and gives the first event that is none */
static bool skip_to(struct loader *l, yaml_event_t *event, yaml_event_type_t mark1, yaml_event_type_t mark2)
{
    while (next_event(l, event)) {
        if (event->type != mark1 && event->type != mark2)
            return true;
        yaml_event_delete(event);
    }
    return false;
}

static yoml_t *read_document(struct loader *l)
{
    yaml_event_t event;
    yoml_t *tree;

    if (!skip_to(l, &event, YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT))
        return NULL;
    tree = read_node(l, &event);
    yaml_event_delete(&event);
    if (tree == NULL)
        return NULL;
    if (skip_to(l, &event, YAML_DOCUMENT_END_EVENT, YAML_DOCUMENT_END_EVENT)) {
        if (event.type != YAML_STREAM_END_EVENT)
            fail(l, event.start_mark.line, "a second document; a configuration is one");
        yaml_event_delete(&event);
    }
    if (l->why[0] == '\0')
        return tree;
    cbx_yaml_free(tree);
    return NULL;
}

/* `from`: the node that includes the file, or NULL */
static yoml_t *load_file(const char *path, const yoml_t *from, unsigned depth, size_t *budget, char *why,
                         size_t why_len)
{
    struct loader l = {.file = path, .why = why, .why_len = why_len, .depth = depth, .budget = budget};
    yoml_t *tree = NULL;
    FILE *fp = fopen(path, "rb");

    if (fp == NULL) {
        int err = errno;
        l.file = from != NULL ? from->filename : path;
        return fail(&l, from != NULL ? from->line : 0, "cannot read the file %s: %s", path, strerror(err));
    }
    if (!yaml_parser_initialize(&l.parser)) {
        fail(&l, 0, "no memory");
    } else {
        yaml_parser_set_input_file(&l.parser, fp);
        tree = read_document(&l);
        yaml_parser_delete(&l.parser);
    }
    free_anchors(&l);
    fclose(fp);
    return tree;
}

yoml_t *cbx_yaml_load(const char *path, char *why, size_t why_len)
{
    size_t budget = CBX_YAML_NODES;

    why[0] = '\0';
    return load_file(path, NULL, 0, &budget, why, why_len);
}
