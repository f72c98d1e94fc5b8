/* crowd.h -- the connections of a load generator, all in one epoll.
 *
 * A slot for each message in flight remembers when it was sent and travels in the cid. What a frame means is
 * the program's affair: it defines on_text(), which sees the first bytes of each; the rest is thrown away.
 */
#ifndef cbx_bench_crowd_h
#define cbx_bench_crowd_h

#include "client.h"

#include <sys/epoll.h>
#include <sys/resource.h>

enum {
    LOOK = 512,         /* bytes of a frame that are looked at: all of an ack or a short message */
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
    char *token;
    bool upgraded, welcome, closed, writing;
    uint64_t skip;                 /* bytes of the current frame that nobody needs */
    void (*whole)(struct conn *c); /* to be called when these have come too; set by on_text() */
    size_t carry_len;
    uint8_t
        carry[LOOK + 16]; /* the start of a frame that has not come in whole, or of the upgrade's answer */
    uint64_t *sent_at;    /* a slot for each message in flight, us; NULL: no sender */
    uint64_t next;        /* makes cids unique */
    char *out;
    size_t out_len, out_cap;
};

static struct {
    int poll;
    struct conn *conns;
    int count;
    bool counting;
    char *text;
    char hello[128]; /* what a connection says first */
    uint64_t closed, outstanding;
    uint32_t *latency; /* us, each that counts */
    size_t latencies, latency_cap;
    uint8_t buf[READ_MAX + LOOK + 16];
} load = {.hello = "{\"type\":\"hello\"}"};

/* the program's: a text frame of `payload` bytes, of which `len` are here: all of it, or LOOK */
static void on_text(struct conn *c, const char *text, size_t len, uint64_t payload);

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
        fprintf(stderr, "%s: a connection ended: %s\n", program_invocation_short_name, why);
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

/* -- latencies -- */

static void note_latency(uint64_t us)
{
    if (load.latencies == load.latency_cap) {
        load.latency_cap = load.latency_cap == 0 ? 65536 : load.latency_cap * 2;
        if ((load.latency = realloc(load.latency, load.latency_cap * sizeof(*load.latency))) == NULL)
            die("no memory");
    }
    load.latency[load.latencies++] = us < UINT32_MAX ? (uint32_t)us : UINT32_MAX;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void sort_latencies(void)
{
    qsort(load.latency, load.latencies, sizeof(*load.latency), by_value);
}

static double percentile_ms(double p)
{
    return load.latencies == 0 ? 0 : load.latency[(size_t)(p * (double)(load.latencies - 1))] / 1000.0;
}

/* -- receiving -- */

static bool is(const char *text, size_t len, const char *type)
{
    return len > strlen(type) && memcmp(text, type, strlen(type)) == 0;
}

/* the slot that the frame's cid names, below opt.in_flight; -1: none */
static int slot_of(const char *text, size_t len)
{
    const char *cid = memmem(text, len, "\"cid\":\"", 7);
    unsigned long slot = cid != NULL ? strtoul(cid + 7, NULL, 16) : SLOTS_MAX;

    return slot < (unsigned long)opt.in_flight ? (int)slot : -1;
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

static void on_frame(struct conn *c, unsigned op, const uint8_t *bytes, size_t len, uint64_t payload)
{
    const char *text = (const char *)bytes;

    if (op == OP_CLOSE) {
        on_close(c, bytes, len);
    } else if (op == OP_PING) {
        queue_frame(c, OP_PONG, bytes, len);
    } else {
        c->welcome = c->welcome || is(text, len, "{\"type\":\"welcome\"");
        on_text(c, text, len, payload);
    }
}

/* the answer to the upgrade: says hello when its head is there */
static size_t take_head(struct conn *c, const uint8_t *at, size_t len)
{
    const uint8_t *end = memmem(at, len, "\r\n\r\n", 4);

    if (end == NULL && len < sizeof(c->carry))
        return 0;
    if (end == NULL || !is((const char *)at, len, "HTTP/1.1 101"))
        die("upgrade: %.32s", (const char *)at);
    c->upgraded = true;
    queue_frame(c, OP_TEXT, load.hello, strlen(load.hello));
    return (size_t)(end + 4 - at);
}

static void pass(struct conn *c, uint64_t n)
{
    void (*whole)(struct conn * c) = c->whole;

    c->skip -= n;
    if (c->skip == 0 && whole != NULL) {
        c->whole = NULL;
        whole(c);
    }
}

/* the next piece: a head, a frame, the rest of one; 0: it has not come in whole */
static size_t take_one(struct conn *c, const uint8_t *at, size_t len)
{
    unsigned op;
    uint64_t payload;
    size_t head, look;

    if (!c->upgraded)
        return take_head(c, at, len);
    if (c->skip != 0) {
        look = c->skip < len ? (size_t)c->skip : len;
        pass(c, look);
        return look;
    }
    head = read_frame_header(at, len, &op, &payload);
    look = payload < LOOK ? (size_t)payload : LOOK;
    if (head == 0 || len < head + look)
        return 0;
    c->skip = payload;
    on_frame(c, op, at + head, look, payload);
    pass(c, look);
    return head + look;
}

/* what is left at the end has not come in whole */
static size_t take_frames(struct conn *c, const uint8_t *at, size_t len)
{
    size_t used = 0;

    for (size_t n; !c->closed && used != len && (n = take_one(c, at + used, len - used)) != 0;)
        used += n;
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

static bool none_outstanding(void)
{
    return load.outstanding == 0;
}

/* -- connections -- */

static void log_in(int http, int number)
{
    char name[33];

    snprintf(name, sizeof(name), "load-%x-%d", (unsigned)getpid(), number);
    load.conns[number].token = login(http, name);
}

/* makes `count` connections, all logged in and none open */
static void gather(int count)
{
    int http = tcp_connect(opt.host, opt.port);

    load.count = count;
    if ((load.conns = calloc((size_t)count, sizeof(*load.conns))) == NULL)
        die("no memory");
    for (int i = 0; i != count; ++i)
        log_in(http, i);
    close(http);
}

/* asks for the WebSocket; the rest comes when the loop turns */
static void come(struct conn *c)
{
    c->fd = websocket_ask(opt.host, opt.port, c->token);
    c->closed = false;
    poll_for(c, EPOLL_CTL_ADD, false);
}

/* comes, and waits for the welcome */
static void open_one(struct conn *c)
{
    come(c);
    while (!c->welcome) {
        if (!receive(c, 0))
            die("no welcome for connection %td", c - load.conns);
        flush(c);
    }
    free(c->out);
    c->out = NULL;
    c->out_len = c->out_cap = 0;
}

static void open_some(int count)
{
    for (int i = 0; i != count; ++i) {
        open_one(&load.conns[i]);
        turn(0); /* those that are there already may be told who comes */
    }
}

/* the first `senders` may send */
static void open_all(int senders, int others)
{
    gather(senders + others);
    open_some(load.count);
    for (int i = 0; i != senders; ++i)
        if ((load.conns[i].sent_at = calloc((size_t)opt.in_flight, sizeof(uint64_t))) == NULL)
            die("no memory");
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

/* first of all: for as many connections at once */
static void crowd_start(int fds)
{
    raise_limit(fds);
    if ((load.poll = epoll_create1(EPOLL_CLOEXEC)) == -1 ||
        (load.text = malloc((size_t)opt.size + 1)) == NULL)
        die("cannot start");
    memset(load.text, 'x', (size_t)opt.size);
    load.text[opt.size] = '\0';
}

#endif
