/* crowd.h -- the connections of a load generator: opened one by one, then all in one epoll.
 *
 * A sender replaces each message that is acknowledged (or refused) by the next one; a slot for each message
 * in flight remembers when it was sent and travels in the cid. Every other frame is counted and thrown away.
 */
#ifndef cbx_bench_crowd_h
#define cbx_bench_crowd_h

#include "client.h"

#include <sys/epoll.h>
#include <sys/resource.h>

enum {
    LOOK = 192,         /* bytes of a frame that are looked at: all of an ack, or a ping */
    READ_MAX = 1 << 18, /* one read */
    SLOTS_MAX = 4096    /* messages in flight for each sender */
};

static struct options {
    const char *host;
    int port, senders, listeners, in_flight, size, idle, pid;
    double seconds, warm_up, hold;
} opt = {
    .host = "127.0.0.1", .senders = 64, .in_flight = 1, .size = 64, .seconds = 5, .warm_up = 0.5, .hold = 12};

struct conn {
    int fd;
    bool welcome, closed, writing;
    uint64_t skip; /* bytes of the current frame that nobody needs */
    size_t carry_len;
    uint8_t carry[LOOK + 16]; /* the start of a frame that has not come in whole */
    uint64_t *sent_at;        /* a slot for each message in flight, us; NULL: no sender */
    uint64_t next;            /* makes cids unique */
    char *out;
    size_t out_len, out_cap;
};

static struct {
    int poll;
    struct conn *conns;
    int count;
    bool sending, counting;
    char *text;
    uint64_t acked, delivered, errors, closed, outstanding;
    uint32_t *latency; /* us, one for each ack that counts */
    size_t latencies, latency_cap;
    uint8_t buf[READ_MAX + LOOK + 16];
} load;

/* -- sending -- */

static char *reserve(struct conn *c, size_t more)
{
    if (c->out_len + more > c->out_cap) {
        c->out_cap = (c->out_len + more) * 2;
        if ((c->out = realloc(c->out, c->out_cap)) == NULL)
            die("no memory");
    }
    return c->out + c->out_len;
}

static void queue_frame(struct conn *c, unsigned op, const void *payload, size_t len)
{
    char *at = reserve(c, len + 14);
    size_t head = frame_header((uint8_t *)at, op, len);

    memcpy(at + head, payload, len);
    c->out_len += head + len;
}

/* the slot travels in the cid, so that the ack finds its way back */
static void queue_message(struct conn *c, unsigned slot)
{
    static char *payload;
    size_t cap = (size_t)opt.size + 128;
    int len;

    if (payload == NULL && (payload = malloc(cap)) == NULL)
        die("no memory");
    len = snprintf(payload, cap,
                   "{\"type\":\"message\",\"room\":1,\"cid\":\"%03x-%" PRIx64 "\",\"text\":\"%s\"}", slot,
                   c->next++, load.text);
    queue_frame(c, OP_TEXT, payload, (size_t)len);
    c->sent_at[slot] = now_us();
    ++load.outstanding;
}

static void poll_for(struct conn *c, int op, bool writing)
{
    struct epoll_event ev = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};

    if (epoll_ctl(load.poll, op, c->fd, &ev) != 0)
        die("epoll_ctl: %s", strerror(errno));
    c->writing = writing;
}

static void hang_up(struct conn *c, const char *why)
{
    if (!c->closed && ++load.closed == 1)
        fprintf(stderr, "load: a connection ended: %s\n", why);
    c->closed = true;
    close(c->fd);
}

static void flush(struct conn *c)
{
    ssize_t n = c->out_len == 0 ? 0 : send(c->fd, c->out, c->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN) {
        hang_up(c, strerror(errno));
        return;
    }
    if (n > 0) {
        c->out_len -= (size_t)n;
        memmove(c->out, c->out + n, c->out_len);
    }
    if ((c->out_len != 0) != c->writing)
        poll_for(c, EPOLL_CTL_MOD, c->out_len != 0);
}

/* -- receiving -- */

static void note_latency(uint64_t us)
{
    if (load.latencies == load.latency_cap) {
        load.latency_cap = load.latency_cap == 0 ? 65536 : load.latency_cap * 2;
        if ((load.latency = realloc(load.latency, load.latency_cap * sizeof(*load.latency))) == NULL)
            die("no memory");
    }
    load.latency[load.latencies++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

/* an ack, or the refusal of a message: the slot is free, and the next message takes it */
static void on_answer(struct conn *c, const char *text, size_t len, bool ok)
{
    const char *cid = memmem(text, len, "\"cid\":\"", 7);
    unsigned long slot = cid != NULL ? strtoul(cid + 7, NULL, 16) : SLOTS_MAX;

    if (!ok && ++load.errors == 1)
        fprintf(stderr, "load: refused: %.*s\n", (int)len, text);
    if (c->sent_at == NULL || slot >= (unsigned long)opt.in_flight)
        return;
    --load.outstanding;
    if (ok && load.counting) {
        ++load.acked;
        note_latency(now_us() - c->sent_at[slot]);
    }
    if (load.sending)
        queue_message(c, (unsigned)slot);
}

static void on_close(struct conn *c, const uint8_t *reason, size_t len)
{
    char why[LOOK];

    if (len < 2)
        snprintf(why, sizeof(why), "close without a code");
    else
        snprintf(why, sizeof(why), "close %u %.*s", reason[0] << 8 | reason[1], (int)len - 2,
                 (const char *)reason + 2);
    hang_up(c, why);
}

static bool is(const uint8_t *text, size_t len, const char *type)
{
    return len > strlen(type) && memcmp(text, type, strlen(type)) == 0;
}

/* `len` bytes of the payload are here: all of it, or LOOK */
static void on_frame(struct conn *c, unsigned op, const uint8_t *text, size_t len)
{
    if (op == OP_CLOSE)
        on_close(c, text, len);
    else if (op == OP_PING)
        queue_frame(c, OP_PONG, text, len);
    else if (is(text, len, "{\"type\":\"message\""))
        load.delivered += load.counting;
    else if (is(text, len, "{\"type\":\"ack\""))
        on_answer(c, (const char *)text, len, true);
    else if (is(text, len, "{\"type\":\"error\""))
        on_answer(c, (const char *)text, len, false);
    else if (is(text, len, "{\"type\":\"welcome\""))
        c->welcome = true;
}

/* goes through frames; what is left at the end is the start of one that has not come in whole */
static size_t take_frames(struct conn *c, const uint8_t *at, size_t len)
{
    size_t used = 0;

    while (!c->closed && used != len) {
        unsigned op;
        uint64_t payload;
        size_t head, look;
        if (c->skip != 0) {
            size_t n = c->skip < len - used ? (size_t)c->skip : len - used;
            c->skip -= n;
            used += n;
            continue;
        }
        head = read_frame_header(at + used, len - used, &op, &payload);
        look = payload < LOOK ? (size_t)payload : LOOK;
        if (head == 0 || len - used < head + look)
            break;
        on_frame(c, op, at + used + head, look);
        used += head + look;
        c->skip = payload - look;
    }
    return used;
}

/* one read; false when there was nothing to read */
static bool receive(struct conn *c, int flags)
{
    ssize_t n;
    size_t len, used;

    memcpy(load.buf, c->carry, c->carry_len);
    n = recv(c->fd, load.buf + c->carry_len, READ_MAX, flags);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0) {
        hang_up(c, n == 0 ? "end of file" : strerror(errno));
        return false;
    }
    len = c->carry_len + (size_t)n;
    used = take_frames(c, load.buf, len);
    c->carry_len = c->closed ? 0 : len - used;
    memcpy(c->carry, load.buf + used, c->carry_len);
    return true;
}

static void turn(int wait_ms)
{
    struct epoll_event events[256];
    int n = epoll_wait(load.poll, events, 256, wait_ms);

    for (int i = 0; i < n; ++i) {
        struct conn *c = events[i].data.ptr;
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            receive(c, MSG_DONTWAIT);
        if (!c->closed)
            flush(c);
    }
}

/* turns until the time has come, or `until` says that it is enough */
static void run_for(double seconds, bool (*until)(void))
{
    uint64_t end = now_us() + (uint64_t)(seconds * 1e6);

    for (uint64_t now; (now = now_us()) < end && (until == NULL || !until());)
        turn((int)((end - now) / 1000) < 100 ? (int)((end - now) / 1000) : 100);
}

/* -- connections -- */

static void open_one(struct conn *c, int http, int number, bool sender)
{
    static const char hello[] = "{\"type\":\"hello\"}";
    char name[33], *token;

    snprintf(name, sizeof(name), "load-%x-%d", (unsigned)getpid(), number);
    token = login(http, name);
    c->fd = websocket_connect(opt.host, opt.port, token);
    free(token);
    poll_for(c, EPOLL_CTL_ADD, false);
    queue_frame(c, OP_TEXT, hello, sizeof(hello) - 1);
    flush(c);
    while (!c->welcome)
        if (!receive(c, 0))
            die("no welcome for connection %d", number);
    free(c->out);
    c->out = NULL;
    c->out_len = c->out_cap = 0;
    if (sender && (c->sent_at = calloc((size_t)opt.in_flight, sizeof(*c->sent_at))) == NULL)
        die("no memory");
}

static void open_all(int senders, int others)
{
    int http = tcp_connect(opt.host, opt.port);

    load.count = senders + others;
    if ((load.conns = calloc((size_t)load.count, sizeof(*load.conns))) == NULL)
        die("no memory");
    for (int i = 0; i != load.count; ++i) {
        open_one(&load.conns[i], http, i, i < senders);
        turn(0); /* those that are there already may be told who comes */
    }
    close(http);
}

static void raise_limit(int fds)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < (rlim_t)fds + 16)
        die("%d connections, but only %llu descriptors (ulimit -n)", fds, (unsigned long long)limit.rlim_max);
}

#endif
