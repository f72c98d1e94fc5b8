/* crowd.c -- see crowd.h */
#include "crowd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    READ_MAX = 1 << 18,     /* one read */
    TURN_MAX = 1024,        /* events in a turn */
    OPENING_MAX = 64,       /* connections that wait for their welcome at once */
    OPENING_S = 20,         /* for one more welcome */
    SLOW_EVERY_US = 100000, /* a slow connection reads so often ... */
    SLOW_BYTES = 100,       /* ... so much */
    IDLE_US = 100000        /* the longest wait */
};

struct options opt = {.host = "127.0.0.1", .path = "/ws", .rooms = 1};
struct crowd crowd = {.hello = "{\"type\":\"hello\"}"};

static int poll_fd, opening;
static char **tokens; /* of each user */
static struct conn **slow;
static int slow_count;
static uint64_t slow_due;
static uint8_t buf[READ_MAX + LOOK + 16];

/* -- sending -- */

char *crowd_frame(struct conn *c, unsigned op, size_t len)
{
    uint8_t *at;

    if (c->out_len + len + 14 > c->out_cap) {
        c->out_cap = (c->out_len + len + 14) * 2;
        c->out = must(realloc(c->out, c->out_cap));
    }
    at = (uint8_t *)c->out + c->out_len;
    at += frame_header(at, op, len);
    c->out_len = (size_t)(at + len - (uint8_t *)c->out);
    return (char *)at;
}

static void queue_frame(struct conn *c, unsigned op, const void *payload, size_t len)
{
    memcpy(crowd_frame(c, op, len), payload, len);
}

static void poll_for(struct conn *c, int op, bool writing)
{
    struct epoll_event ev = {.events = (c->paced ? 0 : EPOLLIN) | (writing ? EPOLLOUT : 0), .data.ptr = c};

    if (epoll_ctl(poll_fd, op, c->line.fd, &ev) != 0)
        die("epoll_ctl: %s", strerror(errno));
    c->writing = writing;
}

static void hang_up(struct conn *c, const char *why)
{
    if (c->closed)
        return;
    if (c->slow)
        ++crowd.slow_closed;
    else if (++crowd.closed == 1)
        fprintf(stderr, "%s: a connection ended: %s\n", program_invocation_short_name, why);
    c->closed = true;
    line_close(&c->line);
}

void crowd_flush(struct conn *c)
{
    ssize_t n = c->out_len == 0 || c->closed ? 0 : line_send(&c->line, c->out, c->out_len, MSG_DONTWAIT);

    if (n < 0 && errno != EAGAIN)
        hang_up(c, strerror(errno));
    if (c->closed)
        return;
    if (n > 0) {
        c->out_len -= (size_t)n;
        memmove(c->out, c->out + n, c->out_len);
    }
    if ((c->out_len != 0) != c->writing)
        poll_for(c, EPOLL_CTL_MOD, c->out_len != 0);
}

/* -- receiving -- */

static void on_close(struct conn *c, const uint8_t *reason, size_t len)
{
    char why[LOOK];

    if (len < 2)
        snprintf(why, sizeof(why), "close without a code");
    else
        snprintf(why, sizeof(why), "close %d %.*s", reason[0] << 8 | reason[1], (int)len - 2,
                 (const char *)reason + 2);
    hang_up(c, why);
}

static void on_welcome(struct conn *c)
{
    if (!c->welcome)
        --opening;
    c->welcome = true;
}

static void on_frame(struct conn *c, unsigned op, const uint8_t *bytes, size_t len, uint64_t payload)
{
    const char *text = (const char *)bytes;

    if (op == OP_CLOSE) {
        on_close(c, bytes, len);
    } else if (op == OP_PING) {
        queue_frame(c, OP_PONG, bytes, len);
    } else {
        if (!c->welcome && is(text, len, "{\"type\":\"welcome\""))
            on_welcome(c);
        on_text(c, text, len, payload);
    }
}

/* the answer to the upgrade: says hello when its head is there; where no hello is, it is the welcome */
static size_t take_head(struct conn *c, const uint8_t *at, size_t len)
{
    const uint8_t *end = memmem(at, len, "\r\n\r\n", 4);

    if (end == NULL && len < sizeof(c->carry))
        return 0;
    if (end == NULL || !is((const char *)at, len, "HTTP/1.1 101"))
        die("upgrade: %.*s", len < 32 ? (int)len : 32, (const char *)at);
    c->upgraded = true;
    if (opt.bare)
        on_welcome(c);
    else
        queue_frame(c, OP_TEXT, crowd.hello, strlen(crowd.hello));
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
    unsigned op = 0;
    uint64_t payload = 0;
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

/* one read; false when it was not worth another */
static bool receive(struct conn *c, size_t max)
{
    ssize_t n;
    size_t len, used;

    memcpy(buf, c->carry, c->carry_len);
    errno = 0;
    n = line_recv(&c->line, buf + c->carry_len, max, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return false;
    if (n <= 0) {
        hang_up(c, n == 0 ? "end of file" : strerror(errno));
        return false;
    }
    crowd.now = now_us();
    len = c->carry_len + (size_t)n;
    used = take_frames(c, buf, len);
    c->carry_len = c->closed ? 0 : len - used;
    memcpy(c->carry, buf + used, c->carry_len);
    return !c->closed && (size_t)n == max;
}

static void read_slowly(void)
{
    if (slow_count == 0 || now_us() < slow_due)
        return;
    slow_due = now_us() + SLOW_EVERY_US;
    for (int i = 0; i != slow_count; ++i)
        if (slow[i]->paced && !slow[i]->closed) {
            receive(slow[i], SLOW_BYTES);
            crowd_flush(slow[i]);
        }
}

void crowd_turn(uint64_t us)
{
    static struct epoll_event events[TURN_MAX];
    struct timespec wait = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000};
    int n = epoll_pwait2(poll_fd, events, TURN_MAX, &wait, NULL);

    for (int i = 0; i < n; ++i) {
        struct conn *c = events[i].data.ptr;
        if (!c->paced && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
            while (receive(c, READ_MAX))
                ;
        else if (events[i].events & (EPOLLHUP | EPOLLERR))
            hang_up(c, "reset");
        crowd_flush(c);
    }
    read_slowly();
}

void crowd_run(double seconds, bool (*until)(void))
{
    uint64_t end = now_us() + (uint64_t)(seconds * 1e6);

    while (now_us() < end && (until == NULL || !until())) {
        uint64_t wake = crowd.tick != NULL ? crowd.tick() : end, now = now_us();
        wake = wake < end ? wake : end;
        crowd_turn(wake <= now ? 0 : wake - now < IDLE_US ? wake - now : IDLE_US);
    }
}

/* -- connections -- */

/* public ones: whoever belongs there joins */
static int64_t make_room(struct line *http, int number)
{
    char json[128], body[8192], *id;
    int status;

    snprintf(json, sizeof(json), "{\"kind\":\"public\",\"name\":\"load-%x-%d\"}", (unsigned)getpid(), number);
    status = http_post(http, "/api/rooms", tokens[number], json, body, sizeof(body));
    id = strstr(body, "\"id\":");
    if (status != 201 || id == NULL)
        die("a room: %d %s", status, body);
    return strtoll(id + 5, NULL, 10);
}

static void join_room(struct line *http, int user)
{
    char path[64], body[8192];
    int status;

    snprintf(path, sizeof(path), "/api/rooms/%" PRId64 "/members", crowd.rooms[user % opt.rooms]);
    status = http_post(http, path, tokens[user], "{}", body, sizeof(body));
    if (status != 200)
        die("joining a room: %d %s", status, body);
}

/* `users` guests, and rooms of which each is in one; names of one length make frames of one length */
static void log_in(int users)
{
    struct line http = line_open(opt.host, opt.port, opt.tls);
    char name[33];

    tokens = must(calloc((size_t)users, sizeof(*tokens)));
    for (int i = 0; i != users; ++i) {
        snprintf(name, sizeof(name), "load-%x-%05d", (unsigned)getpid(), i);
        tokens[i] = http_login(&http, name);
    }
    for (int i = 0; opt.rooms != 1 && i != users; ++i)
        if (i < opt.rooms)
            crowd.rooms[i] = make_room(&http, i);
        else
            join_room(&http, i);
    line_close(&http);
}

void crowd_gather(int count)
{
    int users = opt.users == 0 || opt.users > count ? count : opt.users;

    crowd.count = count;
    crowd.conns = must(calloc((size_t)count + 1, sizeof(*crowd.conns)));
    crowd.rooms = must(calloc((size_t)opt.rooms, sizeof(*crowd.rooms)));
    slow = must(calloc((size_t)count + 1, sizeof(*slow)));
    crowd.rooms[0] = 1;
    if (opt.rooms > 1 && users < opt.rooms)
        die("%d rooms need as many users", opt.rooms);
    for (int i = 0; i != count; ++i) {
        crowd.conns[i] = (struct conn){.number = i, .user = i % users, .room = i % users % opt.rooms};
        crowd.conns[i].closed = true;
    }
    if (!opt.bare)
        log_in(users);
}

void crowd_come(struct conn *c)
{
    c->line = line_open(opt.host, opt.port, opt.tls);
    websocket_ask(&c->line, opt.path, opt.bare ? NULL : tokens[c->user]);
    fcntl(c->line.fd, F_SETFL, O_NONBLOCK);
    c->closed = false;
    ++opening;
    poll_for(c, EPOLL_CTL_ADD, false);
}

static void wait_for_welcome(int left)
{
    uint64_t start = now_us();

    for (int before = opening; opening > left; crowd_turn(1000)) {
        if (opening < before) {
            before = opening;
            start = now_us();
        }
        if (crowd.closed != 0 || now_us() - start > OPENING_S * 1000000ull)
            die("no welcome for %d connections", opening);
    }
}

void crowd_open(int count)
{
    for (int i = 0; i != count; ++i) {
        crowd_come(&crowd.conns[i]);
        wait_for_welcome(OPENING_MAX);
    }
    wait_for_welcome(0);
    for (struct conn *c = crowd.conns; c != crowd.conns + count; ++c)
        if (c->out_len == 0) {
            free(c->out);
            c->out = NULL;
            c->out_cap = 0;
        }
}

void crowd_slow_down(struct conn *c)
{
    c->slow = c->paced = true;
    poll_for(c, EPOLL_CTL_MOD, c->writing);
    slow[slow_count++] = c;
}

void crowd_hurry(void)
{
    for (int i = 0; i != slow_count; ++i) {
        if (slow[i]->closed)
            continue;
        slow[i]->paced = false;
        poll_for(slow[i], EPOLL_CTL_MOD, slow[i]->writing);
    }
}

void crowd_start(int fds)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < (rlim_t)fds + 16)
        die("%d connections, but only %llu descriptors (ulimit -n)", fds, (unsigned long long)limit.rlim_max);
    if ((poll_fd = epoll_create1(EPOLL_CLOEXEC)) == -1)
        die("epoll_create1: %s", strerror(errno));
    prctl(PR_SET_TIMERSLACK, 1000ul); /* ns: 50 us late would count as the server's */
}
