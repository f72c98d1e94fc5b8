/* utf8.h -- UTF-8 byte by byte, from RFC 3629: malformed as early as a byte says so. */
#ifndef cbx_fuzz_utf8_h
#define cbx_fuzz_utf8_h

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* how far a character of UTF-8 has come: so many bytes are missing, the next of them within bounds */
typedef struct utf8 {
    unsigned more;
    uint8_t low, high;
} utf8_t;

/* RFC 3629 section 4; false: no character goes on like this */
static inline bool utf8_next(utf8_t *u, uint8_t c)
{
    if (u->more != 0) {
        bool good = c >= u->low && c <= u->high;
        *u = (utf8_t){u->more - 1, 0x80, 0xbf};
        return good;
    }
    *u = (utf8_t){c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3, 0x80, 0xbf};
    if (c == 0xe0)
        u->low = 0xa0;
    if (c == 0xed)
        u->high = 0x9f;
    if (c == 0xf0)
        u->low = 0x90;
    if (c == 0xf4)
        u->high = 0x8f;
    return c < 0x80 || (c >= 0xc2 && c <= 0xf4);
}

static inline bool utf8_goes_on(utf8_t *u, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i != len; ++i)
        if (!utf8_next(u, bytes[i]))
            return false;
    return true;
}

#endif
