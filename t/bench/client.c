/* client.c -- see client.h */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 20 }; /* for an answer while connecting */

void die(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, fmt, args); /* NOLINT(clang-analyzer-valist.Uninitialized): two lines above */
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void *must(void *memory)
{
    if (memory == NULL)
        die("no memory");
    return memory;
}

uint64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* -- lines -- */

static SSL *shake_hands(int fd)
{
    static SSL_CTX *ctx;
    SSL *tls;

    if (ctx == NULL) {
        ctx = must(SSL_CTX_new(TLS_client_method()));
        SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                  SSL_MODE_RELEASE_BUFFERS);
    }
    tls = must(SSL_new(ctx));
    SSL_set_fd(tls, fd);
    if (SSL_connect(tls) != 1)
        die("no TLS");
    return tls;
}

struct line line_open(const char *host, int port, bool tls)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval limit = {.tv_sec = PATIENCE_S};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (inet_pton(AF_INET, host, &sin.sin_addr) != 1)
        die("%s is no IPv4 address", host);
    if (fd == -1 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0)
        die("connect %s:%d: %s", host, port, strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return (struct line){.fd = fd, .tls = tls ? shake_hands(fd) : NULL};
}

void line_close(struct line *line)
{
    SSL_free(line->tls);
    line->tls = NULL;
    close(line->fd);
}

/* what the caller finds is what send() and recv() would have said */
static ssize_t tls_failed(SSL *tls, int result)
{
    int why = SSL_get_error(tls, result);

    if (why == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        errno = EAGAIN;
    else if (why != SSL_ERROR_SYSCALL || errno == 0 || errno == EAGAIN)
        errno = ECONNRESET;
    return -1;
}

ssize_t line_send(struct line *line, const void *bytes, size_t len, int flags)
{
    int n;

    if (line->tls == NULL)
        return send(line->fd, bytes, len, flags | MSG_NOSIGNAL);
    n = SSL_write(line->tls, bytes, (int)len);
    return n > 0 ? n : tls_failed(line->tls, n);
}

ssize_t line_recv(struct line *line, void *at, size_t cap, int flags)
{
    size_t len = 0;
    int n;

    if (line->tls == NULL)
        return recv(line->fd, at, cap, flags);
    do {
        n = SSL_read(line->tls, (char *)at + len, (int)(cap - len));
        len += n > 0 ? (size_t)n : 0;
    } while (n > 0 && len != cap && (flags & MSG_DONTWAIT));
    return len != 0 ? (ssize_t)len : tls_failed(line->tls, n);
}

void line_send_all(struct line *line, const char *bytes, size_t len)
{
    while (len != 0) {
        ssize_t n = line_send(line, bytes, len, 0);
        if (n <= 0)
            die("send: %s", strerror(errno));
        bytes += n;
        len -= (size_t)n;
    }
}

/* -- HTTP -- */

/* reads up to and with the empty line that ends an HTTP head, byte by byte: what follows belongs to somebody
 * else */
static void read_head(struct line *line, char *head, size_t cap)
{
    size_t len = 0;

    errno = 0;
    while (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0) {
        if (len + 1 == cap || line_recv(line, head + len, 1, 0) != 1)
            die("no answer to a request: %s", errno != 0 ? strerror(errno) : "connection closed");
        ++len;
    }
    head[len] = '\0';
}

static void read_body(struct line *line, const char *head, char *body, size_t cap)
{
    const char *field = strcasestr(head, "\r\ncontent-length:");
    size_t len = field != NULL ? strtoul(field + 17, NULL, 10) : 0;

    if (len >= cap)
        die("an answer of %zu bytes", len);
    for (size_t got = 0; got < len;) {
        ssize_t n = line_recv(line, body + got, len - got, 0);
        if (n <= 0)
            die("an answer broke off");
        got += (size_t)n;
    }
    body[len] = '\0';
}

int http_post(struct line *line, const char *path, const char *token, const char *json, char *body,
              size_t cap)
{
    char text[4096], head[4096];
    int n = snprintf(text, sizeof(text),
                     "POST %s HTTP/1.1\r\nHost: localhost\r\n%s%s%sContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     path, token != NULL ? "Authorization: Bearer " : "", token != NULL ? token : "",
                     token != NULL ? "\r\n" : "", strlen(json), json);

    line_send_all(line, text, (size_t)n);
    read_head(line, head, sizeof(head));
    read_body(line, head, body, cap);
    return atoi(head + strlen("HTTP/1.1 "));
}

char *http_login(struct line *line, const char *username)
{
    char json[128], body[8192], *token, *end;
    int status;

    snprintf(json, sizeof(json), "{\"username\":\"%s\"}", username);
    status = http_post(line, "/api/login", NULL, json, body, sizeof(body));
    if (status != 200)
        die("login: %d %s", status, body);
    if ((token = strstr(body, "\"token\":\"")) == NULL || (end = strchr(token += 9, '"')) == NULL)
        die("login: no token in %s", body);
    return must(strndup(token, (size_t)(end - token)));
}

/* -- WebSocket -- */

void websocket_ask(struct line *line, const char *path, const char *token)
{
    char text[4096];
    int n = snprintf(text, sizeof(text),
                     "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: Y2hhdHRlcmJveC1sb2FkIQ==\r\n"
                     "%s%s%s\r\n",
                     path, token != NULL ? "Authorization: Bearer " : "", token != NULL ? token : "",
                     token != NULL ? "\r\n" : "");

    line_send_all(line, text, (size_t)n);
}

size_t frame_header(uint8_t *at, unsigned op, size_t len)
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
