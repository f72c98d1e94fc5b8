/* fuzz_json.c -- any bytes as an object, by a table with fields of every kind.
 *
 * Held here: a refused object leaves nothing behind; what is accepted is in range and, written again, reads
 * as the same; an object that lost its last brace is no object.
 */
#include "fuzz.h"

#include <inttypes.h>
#include <stdio.h>

#include "wire/names.h"
#include "wire/types.h"

struct sample {
    cbx_str_t text, name;
    int64_t id, rev;
    cbx_pairs_t since, marks;
};

static const cbx_json_field_t sample_fields[] = {
    {"text", CBX_JSON_STRING, offsetof(struct sample, text)},
    {"name", CBX_JSON_STRING, offsetof(struct sample, name)},
    {"id", CBX_JSON_INT, offsetof(struct sample, id)},
    {"rev", CBX_JSON_INT, offsetof(struct sample, rev)},
    {"since", CBX_JSON_PAIRS, offsetof(struct sample, since)},
    {"marks", CBX_JSON_PAIRS, offsetof(struct sample, marks)},
    {NULL, CBX_JSON_INT, 0},
};

static void must_be_nothing(const struct sample *s)
{
    MUST(s->text.bytes == NULL && s->text.len == 0 && s->name.bytes == NULL && s->name.len == 0);
    MUST(s->id == -1 && s->rev == -1);
    MUST(s->since.list == NULL && s->since.len == 0 && s->marks.list == NULL && s->marks.len == 0);
}

static void must_be_text(const cbx_str_t *s)
{
    MUST(s->bytes != NULL || s->len == 0);
    MUST(s->bytes == NULL || (s->bytes[s->len] == '\0' && cbx_utf8_valid(s->bytes, s->len)));
}

static void must_be_pairs(const cbx_pairs_t *p)
{
    MUST(p->len <= CBX_JSON_PAIRS_MAX && (p->len == 0 || p->list != NULL));
    for (size_t i = 0; i != p->len; ++i) {
        MUST(p->list[i].key >= 0 && p->list[i].key < CBX_ID_MAX);
        MUST(p->list[i].value >= 0 && p->list[i].value < CBX_ID_MAX);
    }
}

static void must_be_good(const struct sample *s)
{
    must_be_text(&s->text);
    must_be_text(&s->name);
    MUST(s->id >= -1 && s->id < CBX_ID_MAX && s->rev >= -1 && s->rev < CBX_ID_MAX);
    must_be_pairs(&s->since);
    must_be_pairs(&s->marks);
}

static void put_sample_pairs(cbx_json_t *json, const char *name, const cbx_pairs_t *p)
{
    char key[24];

    cbx_json_key(json, name);
    cbx_json_open(json);
    for (size_t i = 0; i != p->len; ++i) {
        snprintf(key, sizeof(key), "%" PRId64, p->list[i].key);
        cbx_json_put_int(json, key, p->list[i].value);
    }
    cbx_json_close(json);
}

static void put_sample(cbx_json_t *json, const struct sample *s)
{
    cbx_json_begin(json);
    cbx_json_open(json);
    if (s->text.bytes != NULL)
        cbx_json_put_string(json, "text", s->text.bytes, s->text.len);
    if (s->name.bytes != NULL)
        cbx_json_put_string(json, "name", s->name.bytes, s->name.len);
    if (s->id != -1)
        cbx_json_put_int(json, "id", s->id);
    if (s->rev != -1)
        cbx_json_put_int(json, "rev", s->rev);
    put_sample_pairs(json, "since", &s->since);
    put_sample_pairs(json, "marks", &s->marks);
    cbx_json_close(json);
}

static void must_read_again(const struct sample *s)
{
    cbx_json_t *json = cbx_json_create();
    struct sample again = {0};
    const char *bytes;
    size_t len;

    put_sample(json, s);
    bytes = cbx_json_bytes(json, &len);
    MUST(cbx_json_read(bytes, len, sample_fields, &again) == CBX_OK);
    MUST(same_str(&s->text, &again.text) && same_str(&s->name, &again.name));
    MUST(s->id == again.id && s->rev == again.rev);
    MUST(same_pairs(&s->since, &again.since) && same_pairs(&s->marks, &again.marks));
    cbx_json_dispose(sample_fields, &again);
    cbx_json_free(json);
}

static void must_need_its_brace(const char *text, size_t len)
{
    struct sample cut = {0};

    while (len != 0 && text[len - 1] != '}')
        --len;
    MUST(len != 0);
    MUST(cbx_json_read(text, len - 1, sample_fields, &cut) != CBX_OK);
    must_be_nothing(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sample s = {0};
    cbx_err_t err = cbx_json_read((const char *)data, size, sample_fields, &s);

    if (err == CBX_OK) {
        must_be_good(&s);
        must_read_again(&s);
        must_need_its_brace((const char *)data, size);
        cbx_json_dispose(sample_fields, &s);
    } else {
        MUST(err == CBX_ERR_BAD_JSON || err == CBX_ERR_BAD_FRAME);
    }
    must_be_nothing(&s);
    return 0;
}
