/* names.c -- the rules for what people type. Pure functions over bytes; a text is decoded once, character by
 * character. */
#include "wire/names.h"

#include <stdint.h>

#include "wire/types.h"

#define NAME_CHARS 64
#define TOPIC_CHARS 250
#define MALFORMED UINT32_MAX

typedef struct reader {
    const unsigned char *at, *end;
} reader_t;

static reader_t read_from(const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;

    return (reader_t){bytes, len != 0 ? bytes + len : bytes};
}

/* how many bytes follow `lead`, and the lowest character that needs that many; false: it begins nothing */
static bool lead_of(unsigned char lead, unsigned *more, uint32_t *lowest, uint32_t *bits)
{
    static const struct {
        unsigned char mask, mark;
        unsigned more;
        uint32_t lowest;
    } forms[] = {{0x80, 0x00, 0, 0}, {0xe0, 0xc0, 1, 0x80}, {0xf0, 0xe0, 2, 0x800}, {0xf8, 0xf0, 3, 0x10000}};

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); ++i) {
        if ((lead & forms[i].mask) == forms[i].mark) {
            *more = forms[i].more;
            *lowest = forms[i].lowest;
            *bits = lead & (unsigned char)~forms[i].mask;
            return true;
        }
    }
    return false;
}

/* the next character, or MALFORMED; only while at < end */
static uint32_t next_char(reader_t *r)
{
    unsigned more;
    uint32_t lowest, c;

    if (!lead_of(*r->at++, &more, &lowest, &c) || (size_t)(r->end - r->at) < more)
        return MALFORMED;
    for (; more != 0; --more, ++r->at) {
        if ((*r->at & 0xc0) != 0x80)
            return MALFORMED;
        c = c << 6 | (*r->at & 0x3f);
    }
    if (c < lowest || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return MALFORMED;
    return c;
}

/* C0, DEL and C1 */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f);
}

/* Unicode's White_Space, without the control characters among it */
static bool is_space(uint32_t c)
{
    return c == ' ' || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static bool is_line_space(uint32_t c)
{
    return c == '\t' || c == '\n' || c == '\r';
}

static bool is_name_char(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

bool cbx_utf8_valid(const char *text, size_t len)
{
    reader_t r = read_from(text, len);

    while (r.at != r.end) {
        if (next_char(&r) == MALFORMED)
            return false;
    }
    return true;
}

/* `.` and `..` are directories in the path of a URL: browsers and H2O resolve them, so nobody could name such
 * a member in one */
static bool is_dots(const char *name, size_t len)
{
    return len <= 2 && name[0] == '.' && name[len - 1] == '.';
}

bool cbx_username_valid(const char *name, size_t len)
{
    if (len == 0 || len > CBX_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; ++i) {
        if (!is_name_char(name[i]))
            return false;
    }
    return !is_dots(name, len);
}

/* up to `max` characters, none a control character; `*visible`: at least one is no space */
static bool is_line(const char *text, size_t len, size_t max, bool *visible)
{
    reader_t r = read_from(text, len);
    size_t chars = 0;
    uint32_t c;

    *visible = false;
    for (; r.at != r.end; ++chars) {
        c = next_char(&r);
        if (c == MALFORMED || is_control(c) || chars == max)
            return false;
        *visible = *visible || !is_space(c);
    }
    return true;
}

bool cbx_display_name_valid(const char *name, size_t len)
{
    bool visible;

    return is_line(name, len, NAME_CHARS, &visible) && visible;
}

bool cbx_room_name_valid(const char *name, size_t len)
{
    return cbx_display_name_valid(name, len);
}

bool cbx_topic_valid(const char *topic, size_t len)
{
    bool visible;

    return is_line(topic, len, TOPIC_CHARS, &visible);
}

bool cbx_cid_valid(const char *cid, size_t len)
{
    if (len == 0 || len > CBX_CID_MAX)
        return false;
    for (size_t i = 0; i < len; ++i) {
        if (cid[i] < 0x20 || cid[i] > 0x7e)
            return false;
    }
    return true;
}

cbx_err_t cbx_text_check(const char *text, size_t len, size_t limit)
{
    reader_t r = read_from(text, len);
    bool visible = false;
    uint32_t c;

    if (len > limit)
        return CBX_ERR_TOO_LONG;
    while (r.at != r.end) {
        c = next_char(&r);
        if (c == MALFORMED || (is_control(c) && !is_line_space(c)))
            return CBX_ERR_BAD_FRAME;
        visible = visible || !(is_space(c) || is_line_space(c));
    }
    return visible ? CBX_OK : CBX_ERR_EMPTY;
}
