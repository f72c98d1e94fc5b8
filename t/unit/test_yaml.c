/* test_yaml.c -- YAML to H2O's tree: every construct, every mistake with its line, and no blow-up. */
#include "unit.h"

#include "server/yaml.h"

static char why[512];

static yoml_t *load(const char *text)
{
    const char *path = scratch("config.yaml");
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return cbx_yaml_load(path, why, sizeof(why));
}

/* the tree as one line: {key: value} [a, b] text */
static void print(FILE *out, const yoml_t *node)
{
    if (node->type == YOML_TYPE_SCALAR) {
        fputs(node->data.scalar, out);
    } else if (node->type == YOML_TYPE_SEQUENCE) {
        for (size_t i = 0; i != node->data.sequence.size; ++i) {
            fputs(i == 0 ? "[" : " ", out);
            print(out, node->data.sequence.elements[i]);
        }
        fputs(node->data.sequence.size == 0 ? "[]" : "]", out);
    } else {
        fputc('{', out);
        for (size_t i = 0; i != node->data.mapping.size; ++i) {
            fputs(i == 0 ? "" : " ", out);
            print(out, node->data.mapping.elements[i].key);
            fputc('=', out);
            print(out, node->data.mapping.elements[i].value);
        }
        fputc('}', out);
    }
}

static void gives(const char *text, const char *expected)
{
    char *line;
    size_t len;
    FILE *out = open_memstream(&line, &len);
    yoml_t *tree = load(text);

    if (tree == NULL)
        fail_msg("%s", why);
    print(out, tree);
    fclose(out);
    assert_string_equal(line, expected);
    free(line);
    cbx_yaml_free(tree);
}

/* refused, with this line and these words, in one line */
static void refused(const char *text, unsigned line, const char *words)
{
    char place[256];

    assert_null(load(text));
    snprintf(place, sizeof(place), "[%s:%u] ", scratch("config.yaml"), line);
    if (strncmp(why, place, strlen(place)) != 0 || strstr(why, words) == NULL || strchr(why, '\n') != NULL)
        fail_msg("%s: expected %s %s", why, place, words);
}

static void test_constructs(void **state)
{
    (void)state;
    gives("a: 1", "{a=1}");
    gives("a:\n", "{a=}");
    gives("a: {b: [1, 'two', \"th\\u0072ee\"], c: {}}\nd: []", "{a={b=[1 two three] c={}} d=[]}");
    gives("a: |\n  x\n  y\nb: >\n  x\n  y\n", "{a=x\ny\n b=x y\n}");
    gives("# comment\n---\na: 1 # more\n...\n", "{a=1}");
    gives("- a\n- b: c\n  d: e\n", "[a {b=c d=e}]");
    gives("a: !tag 1\n!x b: !!str 2", "{a=1 b=2}");
    gives("text", "text");
    gives("? [a]\n: b", "{[a]=b}");
}

static void test_aliases(void **state)
{
    (void)state;
    gives("a: &x 1\nb: *x", "{a=1 b=1}");
    gives("a: &x {b: 1}\nc: [*x, *x]", "{a={b=1} c=[{b=1} {b=1}]}");
    gives("a: &x 1\nb: *x\nc: &x 2\nd: *x", "{a=1 b=1 c=2 d=2}");
    gives("&k a: 1\nb: *k", "{a=1 b=a}");
}

static void test_shared_node_is_one(void **state)
{
    yoml_t *tree = load("a: &x {b: 1}\nc: *x");

    (void)state;
    assert_non_null(tree);
    assert_ptr_equal(yoml_get(tree, "a"), yoml_get(tree, "c"));
    assert_int_equal(yoml_get(tree, "a")->_refcnt, 2);
    assert_string_equal(yoml_get(tree, "a")->anchor, "x");
    cbx_yaml_free(tree);
}

static void test_merge(void **state)
{
    (void)state;
    gives("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3, z: 4}", "{a={x=1 y=2} b={y=3 z=4 x=1}}");
    gives("a: &a {x: 1, y: 2}\nb: {y: 3, <<: *a}", "{a={x=1 y=2} b={y=3 x=1}}");
    gives("- &a {x: 1}\n- &b {x: 2, y: 2}\n- {<<: [*a, *b], z: 3}", "[{x=1} {x=2 y=2} {z=3 x=1 y=2}]");
    gives("- &a {x: 1}\n- &b {<<: *a, y: 2}\n- {<<: *b}", "[{x=1} {y=2 x=1} {y=2 x=1}]");
    gives("- &a {x: 1}\n- &b {y: 2}\n- {<<: *a, <<: *b}", "[{x=1} {y=2} {x=1 y=2}]");
    gives("<<: {a: 1}", "{a=1}");
    refused("a: 1\nb:\n  <<: 5\n", 3, "must be a mapping or a sequence of mappings");
    refused("<<: [{a: 1}, b]\n", 1, "must be a mapping or a sequence of mappings");
}

static void test_repeating_keys(void **state)
{
    (void)state;
    gives("listen: 1\nlisten: {port: 2}\nlisten: 3\na: 4", "{listen=[1 {port=2} 3] a=4}");
    gives("listen: [1, 2]\nlisten: 3", "{listen=[1 2 3]}");
    gives("header.set: a\nheader.set: b", "{header.set=[a b]}");
    gives("a: &l [1]\nlisten: *l\nlisten: *l", "{a=[1] listen=[1 1]}");
}

static void test_include(void **state)
{
    const char *path = scratch("other.yaml");
    char text[512];
    FILE *f = fopen(path, "wb");
    yoml_t *tree;

    (void)state;
    assert_non_null(f);
    fputs("# of its own\nx: 1\n", f);
    fclose(f);
    snprintf(text, sizeof(text), "a: !file %s\nb: {<<: !file %s, y: 2}", path, path);
    gives(text, "{a={x=1} b={y=2 x=1}}");
    tree = load(text);
    assert_string_equal(yoml_get(yoml_get(tree, "a"), "x")->filename, path);
    assert_int_equal(yoml_get(yoml_get(tree, "a"), "x")->line, 1);
    cbx_yaml_free(tree);
    refused("a: 1\nb: !file /nowhere/at/all\n", 2, "cannot read the file /nowhere/at/all");
    snprintf(text, sizeof(text), "a: !file %s\n", scratch("config.yaml"));
    assert_null(load(text)); /* itself */
    assert_non_null(strstr(why, "nested deeper than"));
}

static void test_lines(void **state)
{
    yoml_t *tree = load("a: 1\n\nb:\n  c: |\n    text\n  d: [1,\n    2]\n");
    yoml_t *b;

    (void)state;
    assert_non_null(tree);
    b = yoml_get(tree, "b");
    assert_int_equal(tree->line, 0);
    assert_int_equal(yoml_get(tree, "a")->line, 0);
    assert_int_equal(b->line, 3);
    assert_int_equal(yoml_get(b, "c")->line, 4); /* as H2O: the text, not its mark */
    assert_int_equal(yoml_get(b, "d")->line, 5);
    assert_int_equal(yoml_get(b, "d")->data.sequence.elements[1]->line, 6);
    assert_int_equal(yoml_get(b, "d")->column, 5);
    assert_string_equal(b->filename, scratch("config.yaml"));
    cbx_yaml_free(tree);
}

static void test_mistakes(void **state)
{
    (void)state;
    refused("", 1, "holds nothing");
    refused("a: [1\nb: 2\n", 2, "");
    refused("a: 1\n\tb: 2\n", 2, "");
    refused("a: 1\nb: 2\na: 3\n", 3, "the key a is there already, on line 1");
    refused("x:\n  - {a: 1,\n     a: 2}\n", 3, "the key a is there already, on line 2");
    refused("a: 1\nb: *nobody\n", 2, "alias *nobody without an anchor");
    refused("a: *later\nb: &later 1\n", 1, "alias *later without an anchor");
    refused("a: &x\n  b: *x\n", 2, "alias *x lies inside of its own anchor");
    refused("a: &x [1, [*x]]\n", 1, "alias *x lies inside of its own anchor");
    refused("a: \"x\\0y\"\n", 1, "a NUL character");
    refused("a: 1\n---\nb: 2\n", 2, "a second document");
    refused("a: \xff\xfe\n", 1, "");
    refused("\"a\\nb\": 1\n\"a\\nb\": 2\n", 2, "the key a?b is there already");
}

static void test_no_such_file(void **state)
{
    (void)state;
    assert_null(cbx_yaml_load("/nowhere/at/all.yaml", why, sizeof(why)));
    assert_string_equal(
        why, "[/nowhere/at/all.yaml:1] cannot read the file /nowhere/at/all.yaml: No such file or directory");
}

static void test_depth(void **state)
{
    char text[CBX_YAML_DEPTH * 2 + 3];

    (void)state;
    memset(text, '[', CBX_YAML_DEPTH);
    memset(text + CBX_YAML_DEPTH, ']', CBX_YAML_DEPTH);
    text[CBX_YAML_DEPTH * 2] = '\0';
    cbx_yaml_free(load(text));
    assert_string_equal(why, "");
    memset(text, '[', CBX_YAML_DEPTH + 1);
    memset(text + CBX_YAML_DEPTH + 1, ']', CBX_YAML_DEPTH + 1);
    text[CBX_YAML_DEPTH * 2 + 2] = '\0';
    refused(text, 1, "nested deeper than 64");
}

/* ten aliases to ten aliases to ...: a billion nodes in ten lines */
static void test_alias_bomb(void **state)
{
    char text[2048] = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";

    (void)state;
    for (int i = 1; i != 10; ++i)
        snprintf(text + strlen(text), sizeof(text) - strlen(text),
                 "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1,
                 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    refused(text, 5, "aliases multiply");
}

/* a file cut anywhere gives a tree or a complaint, and nothing else */
static void test_cut_anywhere(void **state)
{
    static const char whole[] =
        "a: &a {x: 1, y: [2, 3]}\nb: {<<: *a, z: \"q\\n\"}\nlisten: 1\nlisten: *a\nc: |\n  text\n";
    char text[sizeof(whole)];

    (void)state;
    for (size_t len = 0; len != sizeof(whole); ++len) {
        yoml_t *tree;
        memcpy(text, whole, len);
        text[len] = '\0';
        tree = load(text);
        assert_true((tree == NULL) == (why[0] != '\0'));
        cbx_yaml_free(tree);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constructs),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_shared_node_is_one),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_repeating_keys),
        cmocka_unit_test(test_include),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_no_such_file),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_alias_bomb),
        cmocka_unit_test(test_cut_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, remove_scratch);
}
