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
#include <inttypes.h>
#include <stdio.h>

#include "live.h"

enum {
    TRIES_S = 60,  /* for all to catch up */
    AWAY_S = 7,    /* until all who left are gone: 5 s of grace, and the gathering */
    STEP_US = 1000 /* of the clock by which clients come */
};

static struct {
    int clients, behind, listeners;
    double seconds;
    bool presence;
} plan = {.clients = 2000, .behind = 100, .listeners = 10};

static struct hist waits; /* of each client until it had caught up */

/* -- time -- */

static void say_hello_again(void);

static void step(uint64_t us)
{
    crowd_turn(us);
    say_hello_again();
}

/* acts on each connection behind the first `from`, evenly over the time; says how long it took */
static double spread(int from, double seconds, void (*act)(struct conn *c))
{
    uint64_t start = now_us();
    double each = seconds * 1e6 / (crowd.count - from);

    for (int i = from; i != crowd.count; ++i) {
        uint64_t at = start + (uint64_t)(each * (i - from));
        do
            step(now_us() < at ? STEP_US : 0);
        while (now_us() < at);
        act(&crowd.conns[i]);
    }
    return (double)(now_us() - start) / 1e6;
}

/* as if the cable had been pulled, but that the kernel says so */
static void leave(struct conn *c)
{
    line_close(&c->line);
    free(c->out);
    *c = (struct conn){.number = c->number, .user = c->user, .room = c->room, .closed = true};
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
    return &storm.clients[c->number];
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
    hist_note(&waits, now_us() - client->came);
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
        (rev < storm.rev + (uint64_t)plan.behind || payload < (rev - storm.rev) * (uint64_t)talk.size))
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

    for (int i = 1; storm.waiting != 0 && i != crowd.count; ++i) {
        struct conn *c = &crowd.conns[i];
        if (storm.clients[i].again == 0 || storm.clients[i].again > now || c->closed)
            continue;
        storm.clients[i].again = 0;
        --storm.waiting;
        memcpy(crowd_frame(c, OP_TEXT, strlen(crowd.hello)), crowd.hello, strlen(crowd.hello));
        crowd_flush(c);
    }
}

static void come_back(struct conn *c)
{
    client_of(c)->came = now_us();
    crowd_come(c);
}

static void leave_all(void)
{
    for (int i = 1; i != crowd.count; ++i)
        leave(&crowd.conns[i]);
}

static bool all_acknowledged(void)
{
    return talk.outstanding == 0;
}

static void fill_room(void)
{
    for (int i = 0; i != plan.behind; ++i)
        talk_say(&crowd.conns[0], now_us());
    crowd_flush(&crowd.conns[0]);
    crowd_run(20, all_acknowledged);
    if (talk.outstanding != 0)
        die("%" PRIu64 " messages were not acknowledged", talk.outstanding);
}

static void report_storm(const struct live *l, double arrived, double last)
{
    double p50 = hist_ms(&waits, 0.5), p99 = hist_ms(&waits, 0.99), max = hist_ms(&waits, 1);

    fprintf(stderr,
            "%d clients came within %.2f s, %d messages behind: %d had caught up after %.2f s "
            "(each p50 %.0f ms, p99 %.0f ms, max %.0f ms), %d resets, %d told to wait, "
            "%.0f MB of histories, %" PRIu64 " closed; %" PRIu64 " live messages, %" PRIu64 " of %" PRIu64
            " heard "
            "(p50 %.2f ms, p99 %.2f ms, max %.2f ms)\n",
            plan.clients, arrived, plan.behind, storm.caught_up, last, p50, p99, max, storm.resets,
            storm.told_to_wait, (double)storm.bytes / 1e6, crowd.closed, l->sent, l->heard, l->owed,
            l->p50_ms, l->p99_ms, l->max_ms);
    printf("{\"clients\":%d,\"behind\":%d,\"arrived_s\":%.3f,\"caught_up\":%d,\"last_s\":%.3f,"
           "\"each_p50_ms\":%.1f,\"each_p99_ms\":%.1f,\"each_max_ms\":%.1f,\"resets\":%d,"
           "\"told_to_wait\":%d,\"history_bytes\":%" PRIu64 ",\"closed\":%" PRIu64 ","
           "\"live_sent\":%" PRIu64 ",\"live_heard\":%" PRIu64 ","
           "\"live_p50_ms\":%.3f,\"live_p99_ms\":%.3f,\"live_max_ms\":%.3f}\n",
           plan.clients, plan.behind, arrived, storm.caught_up, last, p50, p99, max, storm.resets,
           storm.told_to_wait, storm.bytes, crowd.closed + l->closed, l->sent, l->heard, l->p50_ms, l->p99_ms,
           l->max_ms);
}

static int run_storm(void)
{
    pid_t pid;
    int peer = start_live(&pid, plan.listeners);
    uint64_t start;
    double arrived, last;
    struct live l;

    talk.senders = 1; /* the first one fills the room */
    crowd_start(1 + plan.clients);
    crowd_gather(1 + plan.clients);
    crowd_open(crowd.count);
    talk_start();
    storm.clients = must(calloc((size_t)crowd.count, sizeof(*storm.clients)));
    leave_all();
    fill_room();
    snprintf(crowd.hello, sizeof(crowd.hello),
             "{\"type\":\"hello\",\"epoch\":\"%s\",\"since\":{\"1\":%" PRIu64 "}}", storm.epoch, storm.rev);
    line_send_all(&(struct line){.fd = peer}, "g", 1);
    storm.raging = true;
    start = now_us();
    arrived = spread(1, plan.seconds, come_back);
    while (storm.caught_up + (int)crowd.closed < plan.clients && now_us() - start < TRIES_S * 1000000ull)
        step(STEP_US);
    last = (double)(now_us() - start) / 1e6;
    l = end_live(peer, pid);
    report_storm(&l, arrived, last);
    return storm.caught_up != plan.clients || crowd.closed + l.closed != 0 || l.heard != l.owed;
}

/* -- presence -- */

static struct count {
    uint64_t frames, bytes;
} coming, news; /* of all observers: while the users came, and all in all */

static void on_presence(const struct conn *c, uint64_t payload)
{
    if (c->number >= plan.listeners)
        return;
    ++news.frames;
    news.bytes += payload + (payload < 126 ? 2 : payload < 65536 ? 4 : 10); /* as on the wire */
}

static void report_presence(void)
{
    double k = plan.listeners, frames = (double)news.frames / k, bytes = (double)news.bytes / k,
           come_frames = (double)coming.frames / k, come_bytes = (double)coming.bytes / k;

    fprintf(
        stderr,
        "%d users came over %.0f s and left over %.0f s: each of %d observers got %.0f bytes in %.1f frames "
        "(%.1f bytes a user), %.0f in %.1f while they came, %.0f in %.1f while they left; "
        "%" PRIu64 " closed\n",
        plan.clients, plan.seconds, plan.seconds, plan.listeners, bytes, frames, bytes / plan.clients,
        come_bytes, come_frames, bytes - come_bytes, frames - come_frames, crowd.closed);
    printf("{\"users\":%d,\"seconds\":%.1f,\"observers\":%d,\"frames\":%.1f,\"bytes\":%.1f,"
           "\"bytes_a_user\":%.2f,\"come_frames\":%.1f,\"come_bytes\":%.1f,"
           "\"leave_frames\":%.1f,\"leave_bytes\":%.1f,\"closed\":%" PRIu64 "}\n",
           plan.clients, plan.seconds, plan.listeners, frames, bytes, bytes / plan.clients, come_frames,
           come_bytes, frames - come_frames, bytes - come_bytes, crowd.closed);
}

static int run_presence(void)
{
    crowd_start(plan.listeners + plan.clients);
    crowd_gather(plan.listeners + plan.clients);
    crowd_open(plan.listeners);
    crowd_run(1, NULL); /* they are told of each other */
    news = (struct count){0};
    spread(plan.listeners, plan.seconds, crowd_come);
    crowd_run(1, NULL);
    coming = news;
    spread(plan.listeners, plan.seconds, leave);
    crowd_run(AWAY_S, NULL);
    report_presence();
    return crowd.closed != 0;
}

/* -- */

void on_text(struct conn *c, const char *text, size_t len, uint64_t payload)
{
    if (is(text, len, "{\"type\":\"message\"")) {
        if (living)
            talk_heard(c, text, len);
    } else if (is(text, len, "{\"type\":\"ack\"")) {
        talk_answered(text, len, true);
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
        ['p'] = &opt.port, ['n'] = &plan.clients, ['b'] = &plan.behind, ['l'] = &plan.listeners};

    for (int c; (c = getopt_long(argc, argv, "H:p:n:b:Pl:d:h", longs, NULL)) != -1;) {
        if (c == 'H')
            opt.host = optarg;
        else if (c == 'P')
            plan.presence = true;
        else if (c == 'd')
            plan.seconds = atof(optarg);
        else if (c == 'h' || c == '?')
            usage(c == 'h' ? 0 : 2);
        else
            *whole[c] = atoi(optarg);
    }
    if (plan.seconds == 0)
        plan.seconds = plan.presence ? 5 : 1;
    if (optind != argc || opt.port <= 0 || plan.clients < 1 || plan.behind < 1 || plan.listeners < 1 ||
        plan.seconds <= 0)
        usage(2);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    return plan.presence ? run_presence() : run_storm();
}
