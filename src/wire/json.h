/* json.h -- reading and writing JSON: the only door to yajl.
 *
 * Reading is by a table: which fields an object may have, of which kind, and where they go. Unknown fields
 * are skipped; a known one that is of another kind, out of range or there twice is CBX_ERR_BAD_FRAME; what is
 * not JSON (broken, not UTF-8, deeper than 16, garbage behind) is CBX_ERR_BAD_JSON. Nothing is kept of an
 * object that is refused.
 *
 * Writing is yajl_gen with a few words around it, into a buffer that is kept from one use to the next.
 */
#ifndef cbx_wire_json_h
#define cbx_wire_json_h

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* a string that was read: `len` bytes, valid UTF-8, may hold NUL; NUL-terminated; NULL: the field was not
 * there */
typedef struct cbx_str {
    char *bytes;
    size_t len;
} cbx_str_t;

/* an object whose values are whole numbers, keys being whole numbers as text ({"1":101,"7":4}); by key */
typedef struct cbx_pairs {
    struct cbx_pair {
        int64_t key, value;
    } * list;
    size_t len;
} cbx_pairs_t;

typedef enum cbx_json_kind {
    CBX_JSON_STRING, /* into a cbx_str_t */
    CBX_JSON_INT,    /* whole, 0 to 2^53-1, into an int64_t; -1 where the field was not there */
    CBX_JSON_PAIRS   /* into a cbx_pairs_t */
} cbx_json_kind_t;

typedef struct cbx_json_field {
    const char *name;
    cbx_json_kind_t kind;
    size_t offset; /* in the struct to fill */
} cbx_json_field_t;

#define CBX_JSON_PAIRS_MAX 4096 /* entries of a pairs object: rooms that one client may name in `since` */

/* reads one object into `into` (zeroed by the caller, INT fields set to -1 here). On failure what was read is
 * freed. `fields` ends with a row whose name is NULL, at most 31 rows. Pure; any thread. */
cbx_err_t cbx_json_read(const char *text, size_t len, const cbx_json_field_t *fields, void *into);
/* frees the strings and pairs that cbx_json_read put there, and sets them to nothing */
void cbx_json_dispose(const cbx_json_field_t *fields, void *into);

/* -- writing -- */
typedef struct cbx_json cbx_json_t;

cbx_json_t *cbx_json_create(void);
void cbx_json_free(cbx_json_t *json);
/* starts afresh */
void cbx_json_begin(cbx_json_t *json);
/* lends what was written, until the next cbx_json_begin */
const char *cbx_json_bytes(cbx_json_t *json, size_t *len);

void cbx_json_open(cbx_json_t *json);       /* { */
void cbx_json_close(cbx_json_t *json);      /* } */
void cbx_json_open_list(cbx_json_t *json);  /* [ */
void cbx_json_close_list(cbx_json_t *json); /* ] */
void cbx_json_key(cbx_json_t *json, const char *key);
void cbx_json_string(cbx_json_t *json, const char *text, size_t len);
void cbx_json_int(cbx_json_t *json, int64_t value);
void cbx_json_bool(cbx_json_t *json, bool value);
void cbx_json_raw(cbx_json_t *json, const char *bytes, size_t len); /* JSON that was encoded before */

/* key and value at once */
void cbx_json_put_text(cbx_json_t *json, const char *key, const char *text); /* NUL-terminated */
void cbx_json_put_string(cbx_json_t *json, const char *key, const char *text, size_t len);
void cbx_json_put_int(cbx_json_t *json, const char *key, int64_t value);
void cbx_json_put_bool(cbx_json_t *json, const char *key, bool value);

#endif
