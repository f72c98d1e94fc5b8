/* floor.c -- the bare loop that a chat server cannot be faster than: each text frame goes to everybody.
 *
 *     floor -p 0 --mode turn      prints where it listens
 *
 * One thread, one epoll, no JSON, no accounts, no disk. Whatever path is asked for becomes a WebSocket; the
 * payload of each frame comes back to every connection, the sender's included, in one unmasked frame.
 *
 *     each    a send() to each connection for each frame, as it comes
 *     turn    all frames of a turn of the loop are one run, and each connection gets it in one send()
 *     uring   the same, with all sends of a turn in one submission
 *
 * What a connection does not take at once is kept for it, and what others say meanwhile behind it. There is
 * no limit on that but memory, no ping, no fragment, and a frame over 64 kB ends its connection: it is a
 * floor, no server.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
enum { RING = 4096 }; /* sends in one submission; more are done in several */
static struct io_uring ring;

enum { CONNS_MAX = 1 << 20, READ_MAX = 1 << 18, FRAME_MAX = 1 << 16 };

struct bytes {
    uint8_t *at;
    size_t len, cap;
};

struct conn {
    int fd, index;
    bool upgraded, dead;
    struct bytes in, rest; /* what has not come in whole; what the socket did not take */
};

static enum { EACH, TURN, URING } mode = TURN;
static int poll_fd;
static struct conn *conns[CONNS_MAX];
static int count;
static struct bytes run; /* the frames of this turn */

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void append(struct bytes *b, const void *at, size_t len)
{
    if (b->len + len > b->cap && (b->at = realloc(b->at, b->cap = (b->len + len) * 2)) == NULL)
        die("no memory");
    if (len != 0)
        memcpy(b->at + b->len, at, len);
    b->len += len;
}

static void drop(struct bytes *b, size_t len)
{
    b->len -= len;
    if (b->len != 0) {
        memmove(b->at, b->at + len, b->len);
        return;
    }
    free(b->at);
    *b = (struct bytes){0};
}

/* -- sending -- */

static void poll_for(struct conn *c, int op, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = c};

    if (epoll_ctl(poll_fd, op, c->fd, &ev) != 0)
        die("epoll_ctl");
}

/* of `len` bytes the socket took `n`, or it failed */
static void on_sent(struct conn *c, const uint8_t *at, size_t len, ssize_t n)
{
    if (n < 0 && n != -EAGAIN) {
        c->dead = true;
    } else if (n < 0 || (size_t)n < len) {
        append(&c->rest, at + (n < 0 ? 0 : n), len - (size_t)(n < 0 ? 0 : n));
        poll_for(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    }
}

static ssize_t send_now(struct conn *c, const uint8_t *at, size_t len)
{
    ssize_t n = send(c->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);

    return n < 0 ? -errno : n;
}

static bool takes(struct conn *c, const uint8_t *at, size_t len)
{
    if (c->rest.len != 0)
        append(&c->rest, at, len);
    return c->rest.len == 0 && c->upgraded && !c->dead;
}

static void give_all(const uint8_t *at, size_t len)
{
    for (int i = 0; i != count; ++i)
        if (takes(conns[i], at, len))
            on_sent(conns[i], at, len, send_now(conns[i], at, len));
}

static void reap(unsigned sent, const uint8_t *at, size_t len)
{
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;

    if (sent != 0 && io_uring_submit_and_wait(&ring, sent) < 0)
        die("io_uring");
    io_uring_for_each_cqe(&ring, head, cqe)
    {
        on_sent(io_uring_cqe_get_data(cqe), at, len, cqe->res);
        ++seen;
    }
    io_uring_cq_advance(&ring, seen);
}

static void give_all_uring(const uint8_t *at, size_t len)
{
    unsigned n = 0;

    for (int i = 0; i != count; ++i) {
        if (!takes(conns[i], at, len))
            continue;
        struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
        io_uring_prep_send(sqe, conns[i]->fd, at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        io_uring_sqe_set_data(sqe, conns[i]);
        if (++n == RING) {
            reap(n, at, len);
            n = 0;
        }
    }
    reap(n, at, len);
}

static void end_turn(void)
{
    if (run.len == 0)
        return;
    if (mode == URING)
        give_all_uring(run.at, run.len);
    else
        give_all(run.at, run.len);
    run.len = 0;
}

/* -- receiving -- */

static void upgrade(struct conn *c, const char *head)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const char *key = strcasestr(head, "\r\nSec-WebSocket-Key:");
    unsigned char digest[SHA_DIGEST_LENGTH], accept[32];
    char text[256];

    if (key == NULL || sscanf(key + 20, " %63[^ \r\n]", text) != 1) {
        c->dead = true;
        return;
    }
    strcat(text, guid);
    SHA1((unsigned char *)text, strlen(text), digest);
    EVP_EncodeBlock(accept, digest, sizeof(digest));
    int n = snprintf(text, sizeof(text),
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Accept: %s\r\n\r\n",
                     accept);
    on_sent(c, (uint8_t *)text, (size_t)n, send_now(c, (uint8_t *)text, (size_t)n));
    c->upgraded = true;
}

static void on_text(uint8_t *payload, size_t len)
{
    uint8_t head[4] = {0x81, (uint8_t)len};
    size_t n = 2;

    if (len >= 126) {
        head[1] = 126;
        head[2] = (uint8_t)(len >> 8);
        head[3] = (uint8_t)len;
        n = 4;
    }
    append(&run, head, n);
    append(&run, payload, len);
    if (mode == EACH)
        end_turn();
}

/* the first frame, or the head; 0: it has not come in whole */
static size_t take_one(struct conn *c, uint8_t *at, size_t len)
{
    size_t head, payload;

    if (!c->upgraded) {
        uint8_t *end = memmem(at, len, "\r\n\r\n", 4);
        if (end == NULL)
            return 0;
        end[3] = '\0';
        upgrade(c, (char *)at);
        return (size_t)(end + 4 - at);
    }
    if (len < 8)
        return 0;
    payload = at[1] & 0x7f;
    head = payload == 126 ? 8 : 6;
    if ((at[0] & 0x0f) == 8 || !(at[1] & 0x80) || payload == 127) {
        c->dead = true;
        return len;
    }
    if (payload == 126)
        payload = (size_t)at[2] << 8 | at[3];
    if (len < head + payload)
        return 0;
    for (size_t i = 0; i != payload; ++i)
        at[head + i] ^= at[head - 4 + (i & 3)];
    if ((at[0] & 0x0f) == 1)
        on_text(at + head, payload);
    return head + payload;
}

static void on_readable(struct conn *c)
{
    static uint8_t buf[READ_MAX + FRAME_MAX + 8];
    size_t len = c->in.len, used = 0, had = c->in.len;
    ssize_t n;

    if (had != 0)
        memcpy(buf, c->in.at, had);
    n = recv(c->fd, buf + len, READ_MAX, MSG_DONTWAIT);
    if (n <= 0) {
        c->dead = c->dead || n == 0 || errno != EAGAIN;
        return;
    }
    len += (size_t)n;
    for (size_t one; !c->dead && used != len && (one = take_one(c, buf + used, len - used)) != 0;)
        used += one;
    if (had != 0)
        drop(&c->in, had);
    c->dead = c->dead || len - used > FRAME_MAX + 8;
    append(&c->in, buf + used, c->dead ? 0 : len - used);
}

static void on_writable(struct conn *c)
{
    ssize_t n = send_now(c, c->rest.at, c->rest.len);

    if (n > 0)
        drop(&c->rest, (size_t)n);
    c->dead = c->dead || (n < 0 && n != -EAGAIN);
    if (c->rest.len == 0)
        poll_for(c, EPOLL_CTL_MOD, EPOLLIN);
}

/* -- connections -- */

static void on_connect(int listener)
{
    int on = 1, fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) != -1) {
        struct conn *c = calloc(1, sizeof(*c));
        if (c == NULL || count == CONNS_MAX)
            die("too many");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        *c = (struct conn){.fd = fd, .index = count};
        conns[count++] = c;
        poll_for(c, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void bury(struct conn *c)
{
    close(c->fd);
    conns[c->index] = conns[--count];
    conns[c->index]->index = c->index;
    free(c->in.at);
    free(c->rest.at);
    free(c);
}

static int listen_on(int port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof(sin);
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd == -1 || bind(fd, (struct sockaddr *)&sin, len) != 0 || listen(fd, 4096) != 0)
        die("listen");
    getsockname(fd, (struct sockaddr *)&sin, &len);
    printf("listening on http://127.0.0.1:%d\n", ntohs(sin.sin_port));
    fflush(stdout);
    return fd;
}

static void turn(int listener)
{
    static struct epoll_event events[1024];
    int n = epoll_wait(poll_fd, events, 1024, -1);

    for (int i = 0; i < n; ++i) {
        struct conn *c = events[i].data.ptr;
        if (c == NULL) {
            on_connect(listener);
            continue;
        }
        if (!c->dead && (events[i].events & EPOLLOUT))
            on_writable(c);
        if (!c->dead && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
            on_readable(c);
    }
    end_turn();
    for (int i = 0; i < n; ++i) { /* one event for each: nobody is buried twice */
        struct conn *c = events[i].data.ptr;
        if (c != NULL && c->dead)
            bury(c);
    }
}

static int read_options(int argc, char **argv)
{
    static const struct option longs[] = {
        {"port", required_argument, NULL, 'p'}, {"mode", required_argument, NULL, 'm'}, {NULL, 0, NULL, 0}};
    int port = 0;

    for (int c; (c = getopt_long(argc, argv, "p:m:", longs, NULL)) != -1;) {
        if (c == 'p') {
            port = atoi(optarg);
        } else if (c == 'm' && strcmp(optarg, "each") == 0) {
            mode = EACH;
        } else if (c == 'm' && strcmp(optarg, "turn") == 0) {
            mode = TURN;
        } else if (c == 'm' && strcmp(optarg, "uring") == 0) {
            mode = URING;
            if ((errno = -io_uring_queue_init(RING, &ring, 0)) != 0)
                die("io_uring");
        } else {
            fputs("usage: floor [-p PORT] [--mode each|turn|uring]\n", stderr);
            exit(2);
        }
    }
    return port;
}

int main(int argc, char **argv)
{
    int port = read_options(argc, argv), listener;
    struct epoll_event ev = {.events = EPOLLIN};
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    listener = listen_on(port);
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &ev) != 0)
        die("epoll_ctl");
    for (;;)
        turn(listener);
}
