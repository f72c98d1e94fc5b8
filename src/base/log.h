/* log.h -- one line an event, key=value, to stderr or the error log.
 *
 *     2026-11-22T10:00:00.123Z level=info event=listening url="http://127.0.0.1:8080"
 *
 * Values are quoted and escaped where they hold anything but [A-Za-z0-9_./:@+-], so nothing that a client
 * sends can forge a line or reach a terminal. A line is one write(2). Secrets (tokens, passwords, message
 * texts) are never logged.
 */
#ifndef cbx_base_log_h
#define cbx_base_log_h

#include <stddef.h>

typedef enum cbx_log_level { CBX_LOG_DEBUG, CBX_LOG_INFO, CBX_LOG_WARN, CBX_LOG_ERROR } cbx_log_level_t;

/* writes a line: the event's name, then pairs of key and value (both strings; a NULL value is left out),
 * ended by NULL: cbx_log(CBX_LOG_INFO, "listening", "url", url, NULL); any thread; never fails */
void cbx_log(cbx_log_level_t level, const char *event, ...) __attribute__((sentinel));

/* formats into a rotating buffer of the thread (8 of 160 bytes), for values that are numbers */
const char *cbx_log_fmt(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* lines go to this descriptor from now on (2 at first); the descriptor stays the caller's; any thread */
void cbx_log_to(int fd);

#endif
