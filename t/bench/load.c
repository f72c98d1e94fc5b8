/* load.c -- a load generator: some speak, some listen, some say nothing at all; what the server makes of it.
 *
 *     load -p PORT -m 64 -k 1 -d 5             64 senders, one message in flight each, for 5 s
 *     load -p PORT -m 4 -n 1000 -k 8           4 senders, and 1,000 connections that only listen
 *     load -p PORT -m 1 -n 999 --rate 50       50 messages a second, by the clock
 *     load -p PORT --idle 5000 --pid PID       what a connection that says nothing costs in memory
 *
 * One thread and one epoll. Everybody is a guest and in one room, so each message is delivered to every
 * connection of the room, the senders' included. In flight is what is not acknowledged; the next message
 * takes the place of one that is. With a rate messages are due by the clock, however the last one fared, and
 * all latencies count from when they were due. `--protocol bare` speaks to a server that sends each frame
 * back to everybody: no accounts, no acks; a message is in flight until its sender has it back.
 *
 * What comes in is checked, every message for every receiver: missing, doubled, out of order (see talk.h).
 * Prints a line for people on stderr, a line of JSON on stdout; exit status 1 when anything went wrong.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "proc.h"
#include "talk.h"

enum {
    REST_S = 30,        /* for all that was said to come, at most */
    QUIET_US = 2000000, /* ... and it will not when nothing has come for so long */
    HURRY_S = 3         /* for slow ones to read what waits for them, up to its end if they were closed */
};

static struct {
    int listeners, slow, in_flight, idle, cpu;
    double rate, seconds, warm_up, hold;
    struct pids pids;
} plan = {.in_flight = 1, .cpu = -1, .seconds = 5, .warm_up = 0.5, .hold = 12};

void on_text(struct conn *c, const char *text, size_t len, uint64_t payload)
{
    (void)payload;
    if (opt.bare || is(text, len, "{\"type\":\"message\""))
        talk_heard(c, text, len);
    else if (is(text, len, "{\"type\":\"ack\""))
        talk_answered(text, len, true);
    else if (is(text, len, "{\"type\":\"error\""))
        talk_answered(text, len, false);
}

/* -- a load -- */

static bool sending;

static void say_next(struct conn *c)
{
    if (sending)
        talk_say(c, crowd.now);
}

static void fill_flight(void)
{
    crowd.now = now_us();
    for (int i = 0; i != talk.senders; ++i) {
        for (int k = 0; k != plan.in_flight; ++k)
            talk_say(&crowd.conns[i], crowd.now);
        crowd_flush(&crowd.conns[i]);
    }
}

/* one after the other says what is due; gives when the next one is */
static uint64_t say_what_is_due(void)
{
    static uint64_t start, said;
    uint64_t now = now_us(), due;

    if (!sending)
        return UINT64_MAX;
    if (start == 0)
        start = now;
    while ((due = start + (uint64_t)((double)said * 1e6 / plan.rate)) <= now) {
        struct conn *c = &crowd.conns[said++ % (uint64_t)talk.senders];
        if (c->closed)
            continue;
        talk_say(c, due);
        crowd_flush(c);
    }
    return due;
}

/* all has come; or nothing more does, for a while */
static bool at_rest(void)
{
    static uint64_t paid, since;

    if (paid != talk.paid || since == 0) {
        paid = talk.paid;
        since = now_us();
    }
    return (talk.outstanding == 0 && talk.paid >= talk.owed) || now_us() - since > QUIET_US;
}

struct result {
    double seconds;
    struct cpu cpu; /* of the server */
    double client_cpu;
    struct memory memory;
    uint64_t missing;
};

static void report_for_people(const struct result *r)
{
    fprintf(stderr,
            "%.0f sent/s, %.0f acknowledged/s from %d senders (p50 %.2f ms, p99 %.2f ms); "
            "%.0f deliveries/s to %d connections (p50 %.2f ms, p99 %.2f ms, max %.2f ms; "
            "the last one p50 %.2f ms, p99 %.2f ms); ",
            (double)talk.sent / r->seconds, (double)talk.acked / r->seconds, talk.senders,
            hist_ms(&talk.acks, 0.5), hist_ms(&talk.acks, 0.99), (double)talk.delivered / r->seconds,
            crowd.count, hist_ms(&talk.deliveries, 0.5), hist_ms(&talk.deliveries, 0.99),
            hist_ms(&talk.deliveries, 1), hist_ms(&talk.lasts, 0.5), hist_ms(&talk.lasts, 0.99));
    if (plan.pids.count != 0 && talk.delivered != 0)
        fprintf(stderr, "server %.2f s CPU (%.3f us a delivery, %.3f in user space), %ld kB; ", r->cpu.all,
                r->cpu.all * 1e6 / (double)talk.delivered, r->cpu.user * 1e6 / (double)talk.delivered,
                r->memory.rss);
    fprintf(stderr,
            "%" PRIu64 " missing, %" PRIu64 " doubled, %" PRIu64 " misordered, %" PRIu64 " refused, %" PRIu64
            " closed, %" PRIu64 " lost; load %.0f %% of a core\n",
            r->missing, talk.doubled, talk.misordered, talk.refused, crowd.closed, talk.outstanding,
            r->client_cpu * 100 / r->seconds);
    if (talk.foreign + talk.unmeasured + crowd.slow_closed != 0)
        fprintf(stderr,
                "%" PRIu64 " messages of others, %" PRIu64 " deliveries too late to be measured, %" PRIu64
                " slow ones closed\n",
                talk.foreign, talk.unmeasured, crowd.slow_closed);
}

static void report_for_programs(const struct result *r)
{
    double d = talk.delivered != 0 ? (double)talk.delivered : 1;

    printf("{\"protocol\":\"%s\",\"senders\":%d,\"listeners\":%d,\"slow\":%d,\"rooms\":%d,\"in_flight\":%d,"
           "\"rate\":%.1f,\"size\":%d,\"seconds\":%.3f,",
           opt.bare ? "bare" : "chatterbox", talk.senders, plan.listeners, plan.slow, opt.rooms,
           plan.rate > 0 ? 0 : plan.in_flight, plan.rate, talk.size, r->seconds);
    printf("\"sent_per_s\":%.1f,\"acked_per_s\":%.1f,\"deliveries_per_s\":%.1f,\"delivered\":%" PRIu64 ","
           "\"missing\":%" PRIu64 ",\"doubled\":%" PRIu64 ",\"misordered\":%" PRIu64 ",",
           (double)talk.sent / r->seconds, (double)talk.acked / r->seconds,
           (double)talk.delivered / r->seconds, talk.delivered, r->missing, talk.doubled, talk.misordered);
    printf("\"ack_p50_ms\":%.3f,\"ack_p99_ms\":%.3f,\"ack_max_ms\":%.3f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,"
           "\"max_ms\":%.3f,\"last_p50_ms\":%.3f,\"last_p99_ms\":%.3f,",
           hist_ms(&talk.acks, 0.5), hist_ms(&talk.acks, 0.99), hist_ms(&talk.acks, 1),
           hist_ms(&talk.deliveries, 0.5), hist_ms(&talk.deliveries, 0.99), hist_ms(&talk.deliveries, 1),
           hist_ms(&talk.lasts, 0.5), hist_ms(&talk.lasts, 0.99));
    if (plan.pids.count != 0)
        printf("\"server_cpu_s\":%.2f,\"server_cpu_us_per_delivery\":%.4f,"
               "\"server_user_us_per_delivery\":%.4f,\"server_rss_kb\":%ld,",
               r->cpu.all, r->cpu.all * 1e6 / d, r->cpu.user * 1e6 / d, r->memory.rss);
    printf("\"client_cpu_s\":%.2f,\"refused\":%" PRIu64 ",\"closed\":%" PRIu64 ",\"slow_closed\":%" PRIu64 ","
           "\"lost\":%" PRIu64 ",\"foreign\":%" PRIu64 ",\"unmeasured\":%" PRIu64 "}\n",
           r->client_cpu, talk.refused, crowd.closed, crowd.slow_closed, talk.outstanding, talk.foreign,
           talk.unmeasured);
}

/* counts for a while */
static struct result measure(void)
{
    struct result r = {.client_cpu = cpu_own(), .cpu = cpu_of(&plan.pids)};
    struct cpu after;

    talk.counting = true;
    talk.from = now_us();
    talk.to = UINT64_MAX;
    crowd_run(plan.seconds, NULL);
    talk.counting = false;
    talk.to = now_us();
    r.seconds = (double)(talk.to - talk.from) / 1e6;
    after = cpu_of(&plan.pids);
    r.cpu = (struct cpu){.user = after.user - r.cpu.user, .all = after.all - r.cpu.all};
    r.client_cpu = cpu_own() - r.client_cpu;
    r.memory = memory_of(&plan.pids);
    return r;
}

static int run_load(void)
{
    struct result r;

    crowd_gather(talk.senders + plan.listeners);
    crowd_open(crowd.count);
    for (int i = 0; i != plan.slow; ++i)
        crowd_slow_down(&crowd.conns[crowd.count - 1 - i]);
    talk_start();
    talk.from = UINT64_MAX;
    sending = true;
    if (plan.rate > 0) {
        crowd.tick = say_what_is_due;
    } else {
        talk.answered = say_next;
        fill_flight();
    }
    crowd_run(plan.warm_up, NULL);
    r = measure();
    sending = false;
    crowd_run(REST_S, at_rest);
    if (plan.slow != 0) {
        crowd_hurry();
        crowd_run(HURRY_S, NULL);
    }
    r.missing = talk_missing();
    report_for_people(&r);
    report_for_programs(&r);
    return talk.acked == 0 ||
           r.missing + talk.doubled + talk.misordered + talk.refused + crowd.closed + talk.outstanding != 0;
}

/* -- nothing said -- */

static double bytes_each(long before, long after)
{
    return (double)(after - before) * 1024 / plan.idle;
}

static int run_idle(void)
{
    struct memory start, full, quiet;
    long kernel;

    crowd_gather(plan.idle);
    start = memory_of(&plan.pids);
    kernel = kernel_kb();
    crowd_open(plan.idle);
    full = memory_of(&plan.pids);
    crowd_run(plan.hold, NULL); /* a quiet connection gives its buffers back after some seconds */
    quiet = memory_of(&plan.pids);
    kernel = kernel_kb() - kernel;
    fprintf(stderr,
            "%d idle connections: %.0f bytes each right away, %.0f after %.0f s (private; Rss %.0f, "
            "Pss %.0f); %ld kB Rss and %ld kB private before; the kernel %.0f for both ends of each; %" PRIu64
            " closed\n",
            plan.idle, bytes_each(start.private, full.private), bytes_each(start.private, quiet.private),
            plan.hold, bytes_each(start.rss, quiet.rss), bytes_each(start.pss, quiet.pss), start.rss,
            start.private, bytes_each(0, kernel), crowd.closed);
    printf("{\"idle\":%d,\"start_rss_kb\":%ld,\"start_pss_kb\":%ld,\"start_private_kb\":%ld,"
           "\"bytes_each_at_once\":%.0f,\"bytes_each\":%.0f,\"rss_bytes_each\":%.0f,\"pss_bytes_each\":%.0f,"
           "\"rss_kb\":%ld,\"kernel_bytes_both_ends\":%.0f,\"closed\":%" PRIu64 "}\n",
           plan.idle, start.rss, start.pss, start.private, bytes_each(start.private, full.private),
           bytes_each(start.private, quiet.private), bytes_each(start.rss, quiet.rss),
           bytes_each(start.pss, quiet.pss), quiet.rss, bytes_each(0, kernel), crowd.closed);
    return crowd.closed != 0;
}

/* -- options -- */

static _Noreturn void usage(int status)
{
    fputs("usage: load -p PORT [options]\n"
          "  -H, --host IP        127.0.0.1\n"
          "  -b, --protocol NAME  chatterbox, or bare: each frame comes back to everybody\n"
          "      --path PATH      /ws: of the WebSocket\n"
          "      --tls            TLS, without looking at the certificate\n"
          "  -m, --senders M      64\n"
          "  -n, --listeners N    0: connections besides the senders; -q, --quiet says the same\n"
          "      --slow N         0: so many of the listeners read 1 kB/s, and are not counted\n"
          "  -R, --rooms R        1: the room general; else R public rooms, among which all are spread\n"
          "  -u, --users U        one for each connection: so many guests share the connections\n"
          "  -k, --in-flight K    1: messages of a sender that wait for their ack\n"
          "  -r, --rate R         instead: messages a second, of all senders, by the clock\n"
          "  -s, --size BYTES     100: of text; of the frame, if bare (20 at least)\n"
          "  -d, --duration S     5, after a warm-up of 0.5 (-w, --warm-up)\n"
          "  -P, --pid PID[,PID]  the server's processes, to be measured\n"
          "  -c, --cpu N          runs on this core\n"
          "  -i, --idle N         opens N connections, and measures the memory of --pid before and --hold S "
          "(12) later\n",
          status == 0 ? stdout : stderr);
    exit(status);
}

static void run_on(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((unsigned)cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        die("core %d: %s", cpu, strerror(errno));
}

enum { SLOW = 1, PATH, TLS }; /* options without a letter */

static const struct option longs[] = {{"host", required_argument, NULL, 'H'},
                                      {"protocol", required_argument, NULL, 'b'},
                                      {"path", required_argument, NULL, PATH},
                                      {"tls", no_argument, NULL, TLS},
                                      {"port", required_argument, NULL, 'p'},
                                      {"senders", required_argument, NULL, 'm'},
                                      {"listeners", required_argument, NULL, 'n'},
                                      {"slow", required_argument, NULL, SLOW},
                                      {"rooms", required_argument, NULL, 'R'},
                                      {"users", required_argument, NULL, 'u'},
                                      {"in-flight", required_argument, NULL, 'k'},
                                      {"rate", required_argument, NULL, 'r'},
                                      {"size", required_argument, NULL, 's'},
                                      {"duration", required_argument, NULL, 'd'},
                                      {"warm-up", required_argument, NULL, 'w'},
                                      {"idle", required_argument, NULL, 'i'},
                                      {"hold", required_argument, NULL, 'o'},
                                      {"pid", required_argument, NULL, 'P'},
                                      {"cpu", required_argument, NULL, 'c'},
                                      {"quiet", no_argument, NULL, 'q'},
                                      {"help", no_argument, NULL, 'h'},
                                      {NULL, 0, NULL, 0}};

/* what is neither a number nor left as it is; false: unknown */
static bool read_word(int c, char *value)
{
    if (c == 'H')
        opt.host = value;
    else if (c == PATH)
        opt.path = value;
    else if (c == TLS)
        opt.tls = true;
    else if (c == 'q')
        plan.listeners = 0;
    else if (c == 'P')
        pids_read(&plan.pids, value);
    else if (c == 'b' && (strcmp(value, "bare") == 0 || strcmp(value, "chatterbox") == 0))
        opt.bare = strcmp(value, "bare") == 0;
    else
        return false;
    return true;
}

static void read_options(int argc, char **argv)
{
    int *whole[128] = {
        ['p'] = &opt.port,  ['m'] = &talk.senders, ['n'] = &plan.listeners, [SLOW] = &plan.slow,
        ['R'] = &opt.rooms, ['u'] = &opt.users,    ['k'] = &plan.in_flight, ['s'] = &talk.size,
        ['i'] = &plan.idle, ['c'] = &plan.cpu};
    double *real[128] = {
        ['d'] = &plan.seconds, ['w'] = &plan.warm_up, ['o'] = &plan.hold, ['r'] = &plan.rate};

    talk.senders = 64;
    for (int c; (c = getopt_long(argc, argv, "H:b:p:m:n:R:u:k:r:s:d:w:i:o:P:c:qh", longs, NULL)) != -1;) {
        if (whole[c] != NULL)
            *whole[c] = atoi(optarg);
        else if (real[c] != NULL)
            *real[c] = atof(optarg);
        else if (!read_word(c, optarg))
            usage(c == 'h' ? 0 : 2);
    }
    if (optind != argc || opt.port <= 0 || talk.senders < 1 || plan.listeners < 0 || talk.size < STAMP ||
        plan.in_flight < 1 || plan.seconds <= 0 || plan.slow < 0 || plan.slow > plan.listeners ||
        opt.rooms < 1 || opt.users < 0 || plan.rate < 0 || (opt.bare && opt.rooms != 1) ||
        (plan.idle != 0 && plan.pids.count == 0))
        usage(2);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    if (plan.cpu >= 0)
        run_on(plan.cpu);
    crowd_start(plan.idle != 0 ? plan.idle : talk.senders + plan.listeners);
    return plan.idle != 0 ? run_idle() : run_load();
}
