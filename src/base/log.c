/* log.c -- a line is built on the stack and leaves by one write(2), so lines of different threads never mix.
 *
 * A line that would be longer than a pipe writes at once is cut. Whatever is not harmless ASCII is escaped
 * byte by byte, UTF-8 too: a log is read in terminals that we know nothing about.
 */
#include "base/log.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_BYTES PIPE_BUF
#define TAIL 2 /* kept free for the closing quote and the line feed */

#define FMT_SLOTS 8
#define FMT_BYTES 160

typedef struct line {
    char bytes[LINE_MAX_BYTES];
    size_t len;
} line_t;

static atomic_int log_fd = 2;

void cbx_log_to(int fd)
{
    atomic_store(&log_fd, fd);
}

/* all of it or nothing, so that no escape is cut in two */
static void put(line_t *line, const char *bytes, size_t len)
{
    if (line->len + len + TAIL <= sizeof(line->bytes)) {
        memcpy(line->bytes + line->len, bytes, len);
        line->len += len;
    }
}

static void put_text(line_t *line, const char *text)
{
    put(line, text, strlen(text));
}

static bool is_plain(const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@+-";

    return *text != '\0' && text[strspn(text, plain)] == '\0';
}

static void put_escaped(line_t *line, unsigned char c)
{
    char hex[5];

    if (c == '"' || c == '\\') {
        put(line, (char[]){'\\', (char)c}, 2);
    } else if (c == '\n') {
        put(line, "\\n", 2);
    } else if (c >= 0x20 && c < 0x7f) {
        put(line, (char[]){(char)c}, 1);
    } else {
        snprintf(hex, sizeof(hex), "\\x%02x", c);
        put(line, hex, 4);
    }
}

static void put_value(line_t *line, const char *value)
{
    bool quoted = !is_plain(value);

    if (quoted)
        put(line, "\"", 1);
    for (; *value != '\0'; ++value)
        put_escaped(line, (unsigned char)*value);
    if (quoted)
        line->bytes[line->len++] = '"'; /* put() left room for it */
}

static void put_time(line_t *line)
{
    int64_t now = cbx_clock_wall();
    time_t seconds = (time_t)(now / 1000);
    struct tm tm;
    char text[40];
    size_t len;

    gmtime_r(&seconds, &tm);
    len = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + len, sizeof(text) - len, ".%03dZ", (int)(now % 1000));
    put_text(line, text);
}

static void put_pair(line_t *line, const char *key, const char *value)
{
    size_t before = line->len;

    put(line, " ", 1);
    put_text(line, key);
    put(line, "=", 1);
    if (line->len == before + strlen(key) + 2 && line->len + 1 + TAIL <= sizeof(line->bytes))
        put_value(line, value);
    else
        line->len = before; /* no room for another pair */
}

static void send_line(line_t *line)
{
    ssize_t sent;

    line->bytes[line->len++] = '\n';
    do
        sent = write(atomic_load(&log_fd), line->bytes, line->len);
    while (sent < 0 && errno == EINTR);
}

void cbx_log(cbx_log_level_t level, const char *event, ...)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    int saved = errno;
    line_t line;
    const char *key, *value;
    va_list args;

    line.len = 0;
    put_time(&line);
    put_pair(&line, "level", levels[level]);
    put_pair(&line, "event", event);
    va_start(args, event);
    while ((key = va_arg(args, const char *)) != NULL) {
        if ((value = va_arg(args, const char *)) != NULL)
            put_pair(&line, key, value);
    }
    va_end(args);
    send_line(&line);
    errno = saved;
}

const char *cbx_log_fmt(const char *fmt, ...)
{
    static _Thread_local char slots[FMT_SLOTS][FMT_BYTES];
    static _Thread_local unsigned next;
    char *slot = slots[next++ % FMT_SLOTS];
    va_list args;

    va_start(args, fmt);
    vsnprintf(slot, FMT_BYTES, fmt, args);
    va_end(args);
    return slot;
}
