/* client.h -- as much of a chat client as a load generator needs: HTTP to log in, and a WebSocket's bytes.
 *
 * Everything is by hand and cheap, so that the measured side is the server: a frame is masked with the key 0
 * (legal, and nothing to compute), and of what comes in only the first bytes of each frame are looked at.
 * Logging in blocks; what runs under load does not. Whatever goes wrong while connecting ends the program
 * with one line.
 */
#ifndef cbx_bench_client_h
#define cbx_bench_client_h

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { OP_TEXT = 1, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10 };

static _Noreturn void die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static uint64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static int tcp_connect(const char *host, int port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval limit = {.tv_sec = 20};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (inet_pton(AF_INET, host, &sin.sin_addr) != 1)
        die("%s is no IPv4 address", host);
    if (fd == -1 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0)
        die("connect %s:%d: %s", host, port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return fd;
}

static void send_all(int fd, const char *bytes, size_t len)
{
    while (len != 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            die("send: %s", strerror(errno));
        bytes += n;
        len -= (size_t)n;
    }
}

/* reads up to and with the empty line that ends an HTTP head, byte by byte: what follows belongs to somebody
 * else */
static void read_head(int fd, char *head, size_t cap)
{
    size_t len = 0;

    while (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0) {
        if (len + 1 == cap || recv(fd, head + len, 1, 0) != 1)
            die("no answer to a request: %s", errno != 0 ? strerror(errno) : "connection closed");
        ++len;
    }
    head[len] = '\0';
}

static void read_body(int fd, const char *head, char *body, size_t cap)
{
    const char *field = strcasestr(head, "\r\ncontent-length:");
    size_t len = field != NULL ? strtoul(field + 17, NULL, 10) : 0;

    if (len >= cap)
        die("an answer of %zu bytes", len);
    for (size_t got = 0; got < len;) {
        ssize_t n = recv(fd, body + got, len - got, 0);
        if (n <= 0)
            die("an answer broke off");
        got += (size_t)n;
    }
    body[len] = '\0';
}

/* POST /api/login on a connection that stays open; gives the token (malloc'ed) */
static char *login(int fd, const char *username)
{
    char text[512], head[4096], body[8192], *token, *end;
    size_t len = (size_t)snprintf(body, sizeof(body), "{\"username\":\"%s\"}", username);

    int n = snprintf(text, sizeof(text),
                     "POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     len, body);
    send_all(fd, text, (size_t)n);
    read_head(fd, head, sizeof(head));
    read_body(fd, head, body, sizeof(body));
    if (strncmp(head, "HTTP/1.1 200", 12) != 0)
        die("login: %.12s %s", head, body);
    if ((token = strstr(body, "\"token\":\"")) == NULL || (end = strchr(token += 9, '"')) == NULL)
        die("login: no token in %s", body);
    return strndup(token, (size_t)(end - token));
}

/* asks for /ws with the token; gives the socket, where the answer's head comes before the first frame */
static int websocket_ask(const char *host, int port, const char *token)
{
    char text[4096];
    int fd = tcp_connect(host, port);
    int n = snprintf(text, sizeof(text),
                     "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Y2hhdHRlcmJveC1sb2FkIQ==\r\n"
                     "Authorization: Bearer %s\r\n\r\n",
                     token);

    send_all(fd, text, (size_t)n);
    return fd;
}

/* a masked frame's header, at most 14 bytes; returns its length */
static size_t frame_header(uint8_t *at, unsigned op, size_t len)
{
    size_t n = 2;

    at[0] = (uint8_t)(0x80 | op);
    if (len < 126) {
        at[1] = (uint8_t)(0x80 | len);
    } else {
        unsigned bytes = len < 65536 ? 2 : 8;
        at[1] = (uint8_t)(0x80 | (bytes == 2 ? 126 : 127));
        for (unsigned i = bytes; i-- != 0;)
            at[n++] = (uint8_t)((uint64_t)len >> (8 * i));
    }
    memset(at + n, 0, 4);
    return n + 4;
}

/* reads a server's frame header from `len` bytes; returns its length, or 0 when more is needed */
static size_t read_frame_header(const uint8_t *at, size_t len, unsigned *op, uint64_t *payload)
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
