/* names.h -- what is a name, a text, a cid: the rules for what people type, in one place. Pure functions. */
#ifndef cbx_wire_names_h
#define cbx_wire_names_h

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF) */
bool cbx_utf8_valid(const char *text, size_t len);
/* [A-Za-z0-9_.-]{1,32} */
bool cbx_username_valid(const char *name, size_t len);
/* 1 to 64 characters, none a control character (C0, DEL, C1), not only spaces; valid UTF-8 */
bool cbx_display_name_valid(const char *name, size_t len);
/* a room's name: as a display name */
bool cbx_room_name_valid(const char *name, size_t len);
/* a topic: up to 250 characters, none a control character; may be empty; valid UTF-8 */
bool cbx_topic_valid(const char *topic, size_t len);
/* 1 to 64 printable ASCII characters */
bool cbx_cid_valid(const char *cid, size_t len);
/* a message's text: EMPTY when there is nothing but white space, TOO_LONG above `limit` bytes, BAD_FRAME with
 * a control character other than tab, line feed and carriage return, or malformed UTF-8 */
cbx_err_t cbx_text_check(const char *text, size_t len, size_t limit);

#endif
