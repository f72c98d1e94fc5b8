/* client.h -- as much of a chat client as a load generator needs: HTTP to log in, and a WebSocket's bytes.
 *
 * Everything is by hand and cheap, so that the measured side is the server: a frame is masked with the key 0
 * (legal, and nothing to compute), and of what comes in only the first bytes of each frame are looked at.
 * What asks blocks; what runs under load does not. Whatever goes wrong while connecting ends the program
 * with one line. Certificates are not verified.
 */
#ifndef cbx_bench_client_h
#define cbx_bench_client_h

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

enum { OP_TEXT = 1, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

_Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* like malloc and realloc, but that they never fail; calloc's zeros */
void *must(void *memory);

uint64_t now_us(void);

/* a connection: plain, or with TLS */
struct line {
    int fd;
    SSL *tls; /* NULL: plain */
};

/* blocks until connected and, with TLS, shaken hands */
struct line line_open(const char *host, int port, bool tls);
void line_close(struct line *line);

/* like send() and recv(); with MSG_DONTWAIT recv() takes all that is there, up to `cap` */
ssize_t line_send(struct line *line, const void *bytes, size_t len, int flags);
ssize_t line_recv(struct line *line, void *at, size_t cap, int flags);

/* blocks until all is gone */
void line_send_all(struct line *line, const char *bytes, size_t len);

/* POST `path` with JSON, as the owner of `token` (NULL: as nobody); gives the answer's status. Its body, with
 * a zero at the end, is put to `body` */
int http_post(struct line *line, const char *path, const char *token, const char *json, char *body,
              size_t cap);

/* logs a guest in; gives the token (malloc'ed) */
char *http_login(struct line *line, const char *username);

/* asks for a WebSocket, where the answer's head comes before the first frame */
void websocket_ask(struct line *line, const char *path, const char *token);

/* a masked frame's header, at most 14 bytes; returns its length */
size_t frame_header(uint8_t *at, unsigned op, size_t len);

/* reads a server's frame header from `len` bytes; returns its length, or 0 when more is needed */
static inline size_t read_frame_header(const uint8_t *at, size_t len, unsigned *op, uint64_t *payload)
{
    unsigned bytes;

    if (len < 2)
        return 0;
    *op = at[0] & 0x0f;
    *payload = at[1] & 0x7f;
    bytes = *payload == 126 ? 2 : *payload == 127 ? 8 : 0;
    if (len < 2 + bytes)
        return 0;
    if (bytes != 0)
        *payload = 0;
    for (unsigned i = 0; i != bytes; ++i)
        *payload = *payload << 8 | at[2 + i];
    return 2 + bytes;
}

#endif
