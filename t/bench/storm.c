/* storm.c -- many who come at once: how soon each has what it missed, and what the others notice of it.
 *
 *     storm -p PORT -n 2000 -b 100     2,000 clients come back within 1 s, 100 messages behind
 *     storm -p PORT -n 2000 --presence 2,000 users come over 5 s and leave over 5 s: what 10 others are told
 *
 * Everybody is a guest and logged in before. In the storm all have been there, note rev and epoch, and drop
 * their connections; room 1 gets the messages; then they come back, evenly over the time, with `since`. Who
 * is told to wait asks again after that time. A client has caught up when all of a history has come, which
 * reaches the last of these messages or is a reset (counted apart). Meanwhile a process of its own (so that
 * our reading does not count) says 10 messages a second to some listeners, see live.h.
 *
 * Prints a line for people on stderr, a line of JSON on stdout; exit status 1 when a client was closed, or
 * did not catch up within a minute.
 */
#include <getopt.h>

#include "live.h"

enum {
    TRIES_S = 60, /* for all to catch up */
    AWAY_S = 7,   /* until all who left are gone: 5 s of grace, and the gathering */
    STEP_MS = 1   /* of the clock by which clients come */
};

static struct {
    int clients, behind;
    bool presence;
} plan = {.clients = 2000, .behind = 100};

/* -- time -- */

static void say_hello_again(void);

static void step(int ms)
{
    turn(ms);
    say_hello_again();
}

/* acts on each connection behind the first `from`, evenly over the time; says how long it took */
static double spread(int from, double seconds, void (*act)(struct conn *c))
{
    uint64_t start = now_us();
    double each = seconds * 1e6 / (load.count - from);

    for (int i = from; i != load.count; ++i) {
        uint64_t at = start + (uint64_t)(each * (i - from));
        do
            step(now_us() < at ? STEP_MS : 0);
        while (now_us() < at);
        act(&load.conns[i]);
    }
    return (double)(now_us() - start) / 1e6;
}

/* as if the cable had been pulled, but that the kernel says so */
static void leave(struct conn *c)
{
    close(c->fd);
    free(c->out);
    *c = (struct conn){.token = c->token, .closed = true, .sent_at = c->sent_at, .next = c->next};
}

/* -- the storm -- */

static struct {
    bool raging;
    char epoch[33];
    uint64_t rev; /* before the messages that all missed */
    struct client {
        uint64_t came, again; /* us; 0: not yet, never */
        bool caught_up;
    } * clients;
    int caught_up, told_to_wait, waiting, resets;
    uint64_t bytes; /* of histories */
} storm;

static struct client *client_of(const struct conn *c)
{
    return &storm.clients[c - load.conns];
}

static uint64_t number_behind(const char *text, size_t len, const char *key)
{
    const char *at = memmem(text, len, key, strlen(key));

    return at != NULL ? strtoull(at + strlen(key), NULL, 10) : 0;
}

static void note_epoch(const char *text, size_t len)
{
    const char *at = memmem(text, len, "\"epoch\":\"", 9);

    if (at == NULL || sscanf(at + 9, "%32[0-9a-f]", storm.epoch) != 1)
        die("no epoch in %.*s", (int)len, text);
}

static void on_caught_up(struct conn *c)
{
    struct client *client = client_of(c);

    if (client->caught_up)
        return;
    client->caught_up = true;
    ++storm.caught_up;
    note_latency(now_us() - client->came);
}

/* `rev` comes ahead of `reset` and the messages */
static void on_history(struct conn *c, const char *text, size_t len, uint64_t payload)
{
    uint64_t rev = number_behind(text, len, "\"rev\":");
    bool reset = memmem(text, len, "\"reset\":true", 12) != NULL;

    if (!storm.raging) {
        storm.rev = rev;
        return;
    }
    storm.bytes += payload;
    storm.resets += reset;
    if (!reset &&
        (rev < storm.rev + (uint64_t)plan.behind || payload < (rev - storm.rev) * (uint64_t)opt.size))
        die("a history of %" PRIu64 " bytes to rev %" PRIu64 " leaves a gap", payload, rev);
    c->whole = on_caught_up;
}

static void on_error(struct conn *c, const char *text, size_t len)
{
    const char *wait = memmem(text, len, "\"retry_after\":", 14);

    if (wait == NULL || !storm.raging)
        die("refused: %.*s", (int)len, text);
    ++storm.told_to_wait;
    ++storm.waiting;
    client_of(c)->again = now_us() + (uint64_t)(strtod(wait + 14, NULL) * 1e6);
}

static void say_hello_again(void)
{
    uint64_t now = storm.waiting != 0 ? now_us() : 0;

    for (int i = 1; storm.waiting != 0 && i != load.count; ++i) {
        struct conn *c = &load.conns[i];
        if (storm.clients[i].again == 0 || storm.clients[i].again > now || c->closed)
            continue;
        storm.clients[i].again = 0;
        --storm.waiting;
        queue_frame(c, OP_TEXT, load.hello, strlen(load.hello));
        flush(c);
    }
}

static void come_back(struct conn *c)
{
    client_of(c)->came = now_us();
    come(c);
}

static void leave_all(void)
{
    for (int i = 1; i != load.count; ++i)
        leave(&load.conns[i]);
}

static void fill_room(void)
{
    for (int i = 0; i != plan.behind; ++i)
        queue_message(&load.conns[0], (unsigned)i);
    flush(&load.conns[0]);
    run_for(20, none_outstanding);
    if (load.outstanding != 0)
        die("%" PRIu64 " messages were not acknowledged", load.outstanding);
}

static void report_storm(const struct live *l, double arrived, double last)
{
    double p50, p99, max;

    sort_latencies();
    p50 = percentile_ms(0.5);
    p99 = percentile_ms(0.99);
    max = percentile_ms(1);
    fprintf(stderr,
            "%d clients came within %.2f s, %d messages behind: %d had caught up after %.2f s "
            "(each p50 %.0f ms, p99 %.0f ms, max %.0f ms), %d resets, %d told to wait, "
            "%.0f MB of histories, %" PRIu64 " closed; %d live messages, %d of %d heard "
            "(p50 %.2f ms, p99 %.2f ms, max %.2f ms)\n",
            plan.clients, arrived, plan.behind, storm.caught_up, last, p50, p99, max, storm.resets,
            storm.told_to_wait, (double)storm.bytes / 1e6, load.closed, l->sent, l->heard,
            l->sent * opt.listeners, l->p50_ms, l->p99_ms, l->max_ms);
    printf("{\"clients\":%d,\"behind\":%d,\"arrived_s\":%.3f,\"caught_up\":%d,\"last_s\":%.3f,"
           "\"each_p50_ms\":%.1f,\"each_p99_ms\":%.1f,\"each_max_ms\":%.1f,\"resets\":%d,"
           "\"told_to_wait\":%d,\"history_bytes\":%" PRIu64 ",\"closed\":%" PRIu64 ","
           "\"live_sent\":%d,\"live_heard\":%d,"
           "\"live_p50_ms\":%.3f,\"live_p99_ms\":%.3f,\"live_max_ms\":%.3f}\n",
           plan.clients, plan.behind, arrived, storm.caught_up, last, p50, p99, max, storm.resets,
           storm.told_to_wait, storm.bytes, load.closed + l->closed, l->sent, l->heard, l->p50_ms, l->p99_ms,
           l->max_ms);
}

static int run_storm(void)
{
    pid_t pid;
    int peer = start_live(&pid);
    uint64_t start;
    double arrived, last;
    struct live l;

    opt.in_flight = plan.behind;
    crowd_start(1 + plan.clients);
    open_all(1, plan.clients); /* the first one fills the room */
    if ((storm.clients = calloc((size_t)load.count, sizeof(*storm.clients))) == NULL)
        die("no memory");
    leave_all();
    fill_room();
    snprintf(load.hello, sizeof(load.hello),
             "{\"type\":\"hello\",\"epoch\":\"%s\",\"since\":{\"1\":%" PRIu64 "}}", storm.epoch, storm.rev);
    send_all(peer, "g", 1);
    storm.raging = true;
    start = now_us();
    arrived = spread(1, opt.seconds, come_back);
    while (storm.caught_up + (int)load.closed < plan.clients && now_us() - start < TRIES_S * 1000000ull)
        step(STEP_MS);
    last = (double)(now_us() - start) / 1e6;
    l = end_live(peer, pid);
    report_storm(&l, arrived, last);
    return storm.caught_up != plan.clients || load.closed + l.closed != 0 ||
           l.heard != l.sent * opt.listeners;
}

/* -- presence -- */

static struct count {
    uint64_t frames, bytes;
} coming, news; /* of all observers: while the users came, and all in all */

static void on_presence(const struct conn *c, uint64_t payload)
{
    if (c >= load.conns + opt.listeners)
        return;
    ++news.frames;
    news.bytes += payload + (payload < 126 ? 2 : payload < 65536 ? 4 : 10); /* as on the wire */
}

static void report_presence(void)
{
    double k = opt.listeners, frames = (double)news.frames / k, bytes = (double)news.bytes / k,
           come_frames = (double)coming.frames / k, come_bytes = (double)coming.bytes / k;

    fprintf(
        stderr,
        "%d users came over %.0f s and left over %.0f s: each of %d observers got %.0f bytes in %.1f frames "
        "(%.1f bytes a user), %.0f in %.1f while they came, %.0f in %.1f while they left; "
        "%" PRIu64 " closed\n",
        plan.clients, opt.seconds, opt.seconds, opt.listeners, bytes, frames, bytes / plan.clients,
        come_bytes, come_frames, bytes - come_bytes, frames - come_frames, load.closed);
    printf("{\"users\":%d,\"seconds\":%.1f,\"observers\":%d,\"frames\":%.1f,\"bytes\":%.1f,"
           "\"bytes_a_user\":%.2f,\"come_frames\":%.1f,\"come_bytes\":%.1f,"
           "\"leave_frames\":%.1f,\"leave_bytes\":%.1f,\"closed\":%" PRIu64 "}\n",
           plan.clients, opt.seconds, opt.listeners, frames, bytes, bytes / plan.clients, come_frames,
           come_bytes, frames - come_frames, bytes - come_bytes, load.closed);
}

static int run_presence(void)
{
    crowd_start(opt.listeners + plan.clients);
    gather(opt.listeners + plan.clients);
    open_some(opt.listeners);
    run_for(1, NULL); /* they are told of each other */
    news = (struct count){0};
    spread(opt.listeners, opt.seconds, come);
    run_for(1, NULL);
    coming = news;
    spread(opt.listeners, opt.seconds, leave);
    run_for(AWAY_S, NULL);
    report_presence();
    return load.closed != 0;
}

/* -- */

static void on_text(struct conn *c, const char *text, size_t len, uint64_t payload)
{
    if (is(text, len, "{\"type\":\"message\"")) {
        if (load.counting && c->sent_at == NULL)
            live_heard(text, len);
    } else if (is(text, len, "{\"type\":\"ack\"")) {
        --load.outstanding;
    } else if (is(text, len, "{\"type\":\"error\"")) {
        on_error(c, text, len);
    } else if (is(text, len, "{\"type\":\"welcome\"")) {
        note_epoch(text, len);
    } else if (is(text, len, "{\"type\":\"history\"")) {
        on_history(c, text, len, payload);
    } else if (is(text, len, "{\"type\":\"presence\"")) {
        on_presence(c, payload);
    }
}

static _Noreturn void usage(int status)
{
    fputs("usage: storm -p PORT [options]\n"
          "  -H, --host IP         127.0.0.1\n"
          "  -n, --clients N       2000\n"
          "  -b, --behind N        100: messages that they missed\n"
          "  -P, --presence        come and leave instead, and count what observers are told\n"
          "  -l, --listeners N     10: of the live messages; observers\n"
          "  -d, --duration S      1: all have come back after this; with --presence 5, and 5 to leave\n",
          status == 0 ? stdout : stderr);
    exit(status);
}

static void read_options(int argc, char **argv)
{
    static const struct option longs[] = {{"host", required_argument, NULL, 'H'},
                                          {"port", required_argument, NULL, 'p'},
                                          {"clients", required_argument, NULL, 'n'},
                                          {"behind", required_argument, NULL, 'b'},
                                          {"presence", no_argument, NULL, 'P'},
                                          {"listeners", required_argument, NULL, 'l'},
                                          {"duration", required_argument, NULL, 'd'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int *whole[128] = {
        ['p'] = &opt.port, ['n'] = &plan.clients, ['b'] = &plan.behind, ['l'] = &opt.listeners};

    opt.listeners = 10;
    opt.seconds = 0;
    for (int c; (c = getopt_long(argc, argv, "H:p:n:b:Pl:d:h", longs, NULL)) != -1;) {
        if (c == 'H')
            opt.host = optarg;
        else if (c == 'P')
            plan.presence = true;
        else if (c == 'd')
            opt.seconds = atof(optarg);
        else if (c == 'h' || c == '?')
            usage(c == 'h' ? 0 : 2);
        else
            *whole[c] = atoi(optarg);
    }
    if (opt.seconds == 0)
        opt.seconds = plan.presence ? 5 : 1;
    if (optind != argc || opt.port <= 0 || plan.clients < 1 || plan.behind < 1 || plan.behind > SLOTS_MAX ||
        opt.listeners < 1 || opt.seconds <= 0)
        usage(2);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    return plan.presence ? run_presence() : run_storm();
}
