/* original.c -- takes in what the original Python program wrote. Only schema.c calls it, within the step to
 * version 1.
 *
 * That program's columns hold whatever its clients sent: times as "14:05", "2:05 PM", ISO, seconds or
 * milliseconds, flags of any type, text that is not UTF-8. Nothing of it is a reason to lose a row: what
 * cannot be read becomes the best guess, and the copy beside the database keeps the original.
 */
#include "store/original.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/buf.h"
#include "wire/names.h"
#include "wire/types.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define LAST_MS INT64_C(253402300799999) /* the end of the year 9999 */

/* -- when -- */

/* what a text says of a moment: a day (ms since the epoch), a time of day (ms), both or neither */
typedef struct moment {
    bool has_day, has_time;
    int64_t day, time;
} moment_t;

/* reads `min` to `max` digits and moves on; false: there are fewer, and nothing moved */
static bool digits(const char **at, int min, int max, int *value)
{
    int n = 0, sum = 0;

    for (; n < max && (*at)[n] >= '0' && (*at)[n] <= '9'; ++n)
        sum = sum * 10 + ((*at)[n] - '0');
    if (n < min)
        return false;
    *at += n;
    *value = sum;
    return true;
}

static bool one_of(const char **at, const char *chars)
{
    if (**at == '\0' || strchr(chars, **at) == NULL)
        return false;
    ++*at;
    return true;
}

static void skip(const char **at, const char *chars)
{
    *at += strspn(*at, chars);
}

/* a day that the calendar has, as ms */
static bool day_of(int year, int month, int day, int64_t *ms)
{
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day}, back;
    time_t seconds = timegm(&tm);

    if (year < 1970 || gmtime_r(&seconds, &back) == NULL || back.tm_mday != day || back.tm_mon != month - 1)
        return false;
    *ms = (int64_t)seconds * SECOND;
    return true;
}

/* "2024-05-01", "2024/5/1" */
static bool iso_day(const char **at, int64_t *ms)
{
    const char *p = *at;
    int year, month, day;

    if (!digits(&p, 4, 4, &year) || !one_of(&p, "-/") || !digits(&p, 1, 2, &month) || !one_of(&p, "-/") ||
        !digits(&p, 1, 2, &day) || !day_of(year, month, day, ms))
        return false;
    *at = p;
    return true;
}

static bool month_name(const char **at, int *month)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    size_t len = strspn(*at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

    for (int i = 0; len >= 3 && i < 12; ++i) {
        if (strncasecmp(*at, names + (ptrdiff_t)3 * i, 3) == 0) {
            *month = i + 1;
            *at += len;
            return true;
        }
    }
    return false;
}

/* "May 01, 2024", "1 May 2024" */
static bool named_day(const char **at, int64_t *ms)
{
    const char *p = *at;
    int year, month, day;
    bool day_first = digits(&p, 1, 2, &day);

    skip(&p, " .");
    if (!month_name(&p, &month))
        return false;
    skip(&p, " .");
    if (!day_first && !digits(&p, 1, 2, &day))
        return false;
    skip(&p, " ,");
    if (!digits(&p, 4, 4, &year) || !day_of(year, month, day, ms))
        return false;
    *at = p;
    return true;
}

/* "AM" or "PM" behind an hour of 1 to 12 */
static bool half_day(const char **at, int *hour)
{
    bool pm = **at == 'p' || **at == 'P';

    if (strncasecmp(*at, "am", 2) != 0 && strncasecmp(*at, "pm", 2) != 0)
        return true;
    *at += 2;
    if (*hour < 1 || *hour > 12)
        return false;
    *hour = *hour % 12 + (pm ? 12 : 0);
    return true;
}

/* what "+02:00" or "-0530" takes away to make it UTC */
static int64_t offset(const char *at)
{
    int64_t sign = *at == '-' ? -1 : 1;
    int hours, minutes = 0;

    if (!one_of(&at, "+-") || !digits(&at, 2, 2, &hours))
        return 0;
    one_of(&at, ":");
    digits(&at, 2, 2, &minutes);
    return sign * (hours * HOUR + minutes * MINUTE);
}

/* "14:05", "14:05:09.123Z", "2:05 PM" */
static bool time_of_day(const char *at, int64_t *ms)
{
    int hour, minute, second = 0, thousandths = 0;

    if (!digits(&at, 1, 2, &hour) || !one_of(&at, ":") || !digits(&at, 2, 2, &minute))
        return false;
    if (one_of(&at, ":") && !digits(&at, 2, 2, &second))
        return false;
    if (one_of(&at, ".,"))
        for (int place = 100; *at >= '0' && *at <= '9'; ++at, place /= 10)
            thousandths += (*at - '0') * place;
    skip(&at, " ");
    if (!half_day(&at, &hour) || hour > 23 || minute > 59 || second > 60)
        return false;
    *ms = hour * HOUR + minute * MINUTE + second * SECOND + thousandths - offset(at);
    return true;
}

static moment_t moment_of(const char *text)
{
    moment_t m = {.has_day = false};

    if (text == NULL)
        return m;
    skip(&text, " \t\n");
    m.has_day = iso_day(&text, &m.day) || named_day(&text, &m.day);
    skip(&text, "Tt, ");
    m.has_time = time_of_day(text, &m.time);
    return m;
}

/* a number is s, ms, µs or ns since the epoch, by its size: each reading begins in 1973, where the one below
 * ends in 5138 */
static bool number_of(const char *text, int64_t *ms)
{
    double value;
    char *end;

    if (text == NULL || text[strspn(text, "0123456789.eE+ ")] != '\0')
        return false;
    value = strtod(text, &end);
    if (end == text || value < 1e8 || value >= 1e20)
        return false;
    *ms = (int64_t)(value < 1e11   ? value * 1e3
                    : value < 1e14 ? value
                    : value < 1e17 ? value / 1e3
                                   : value / 1e6);
    return true;
}

static int64_t within(int64_t ms)
{
    return ms < 0 ? 0 : ms > LAST_MS ? LAST_MS : ms;
}

int64_t cbx_original_time(const char *timestamp, const char *date, int64_t before)
{
    moment_t when = moment_of(timestamp), on = moment_of(date);
    int64_t ms;

    if (number_of(timestamp, &ms))
        return within(ms);
    if (!when.has_day) {
        when.has_day = on.has_day;
        when.day = on.day;
    }
    if (!when.has_time) {
        when.has_time = on.has_time;
        when.time = on.time;
    }
    if (!when.has_day)
        return before;
    if (!when.has_time)
        return before / DAY == when.day / DAY ? before : when.day;
    return within(when.day + when.time);
}

/* -- what -- */

/* the length of the character at `text`, or 0 when it is none, or NUL */
static size_t char_len(const char *text, size_t len)
{
    for (size_t n = 1; n <= 4 && n <= len; ++n) {
        if (*text != '\0' && cbx_utf8_valid(text, n))
            return n;
    }
    return 0;
}

/* appends the text with U+FFFD for each byte that is not UTF-8 */
static void append_repaired(cbx_buf_t *buf, const char *text, size_t len)
{
    size_t n;

    for (size_t i = 0; i < len; i += n != 0 ? n : 1) {
        if ((n = char_len(text + i, len - i)) != 0)
            cbx_buf_append(buf, text + i, n);
        else
            cbx_buf_append(buf, "\xef\xbf\xbd", 3);
    }
}

static bool is_set(const char *text)
{
    static const char *const no[] = {"false", "no", "off", "none", "null"};

    if (text == NULL || text[strspn(text, "0. ")] == '\0')
        return false;
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); ++i) {
        if (strcasecmp(text, no[i]) == 0)
            return false;
    }
    return true;
}

static const char *text_at(sqlite3_stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(stmt, column);
}

/* -- the rows -- */

/* rows whose id is a number first, by number; the others get what follows, and so does whatever came twice */
static const char read_rows[] =
    "SELECT CAST(id AS INTEGER), username, message, timestamp, date, edited FROM original_messages "
    "ORDER BY CAST(id AS INTEGER) BETWEEN 1 AND 9007199254740991 DESC, CAST(id AS INTEGER)";

static const char write_row[] =
    "INSERT INTO messages (id, username, message, timestamp, date, edited, room_id, user_id, rev, cid) "
    "VALUES (?1, ?2, ?3, ?4, date(?4 / 1000, 'unixepoch'), ?5, 1, NULL, ?6, 'import-' || ?1)";

/* where the copying is */
typedef struct progress {
    int64_t id, time, rev;
    cbx_buf_t name, text;
} progress_t;

static void read_row(sqlite3_stmt *from, progress_t *p)
{
    int64_t id = sqlite3_column_int64(from, 0);

    p->id = id > p->id && id < CBX_ID_MAX ? id : p->id + 1;
    p->time = cbx_original_time(text_at(from, 3), text_at(from, 4), p->time);
    ++p->rev;
    p->name.len = p->text.len = 0;
    append_repaired(&p->name, text_at(from, 1), (size_t)sqlite3_column_bytes(from, 1));
    if (p->name.len == 0)
        cbx_buf_puts(&p->name, "unknown");
    append_repaired(&p->text, text_at(from, 2), (size_t)sqlite3_column_bytes(from, 2));
}

static bool bind_row(sqlite3_stmt *to, const progress_t *p, bool edited)
{
    const char *text = p->text.len != 0 ? p->text.bytes : "";

    return sqlite3_bind_int64(to, 1, p->id) == SQLITE_OK &&
           sqlite3_bind_text64(to, 2, p->name.bytes, p->name.len, SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK &&
           sqlite3_bind_text64(to, 3, text, p->text.len, SQLITE_STATIC, SQLITE_UTF8) == SQLITE_OK &&
           sqlite3_bind_int64(to, 4, p->time) == SQLITE_OK &&
           sqlite3_bind_int64(to, 5,
                              !edited        ? 0
                              : p->time != 0 ? p->time
                                             : 1) == SQLITE_OK &&
           sqlite3_bind_int64(to, 6, p->rev) == SQLITE_OK;
}

static bool copy_rows(sqlite3_stmt *from, sqlite3_stmt *to, progress_t *p)
{
    int rc;

    while ((rc = sqlite3_step(from)) == SQLITE_ROW) {
        read_row(from, p);
        if (!bind_row(to, p, is_set(text_at(from, 5))))
            return false;
        sqlite3_step(to);
        if (sqlite3_reset(to) != SQLITE_OK)
            return false;
    }
    return rc == SQLITE_DONE;
}

bool cbx_original_import(sqlite3 *db)
{
    sqlite3_stmt *from = NULL, *to = NULL;
    progress_t p = {.id = 0};
    bool good = sqlite3_prepare_v2(db, read_rows, -1, &from, NULL) == SQLITE_OK &&
                sqlite3_prepare_v2(db, write_row, -1, &to, NULL) == SQLITE_OK && copy_rows(from, to, &p);

    sqlite3_finalize(from);
    sqlite3_finalize(to);
    cbx_buf_dispose(&p.name);
    cbx_buf_dispose(&p.text);
    return good && sqlite3_exec(db, "UPDATE rooms SET rev = (SELECT count(*) FROM messages) WHERE id = 1",
                                NULL, NULL, NULL) == SQLITE_OK;
}
