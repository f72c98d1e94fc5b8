/* load.c -- a load generator: senders in a closed loop, listeners, or idle connections, and what the server
 * makes of them.
 *
 *     load -p PORT -m 64 -k 1 -d 5             64 senders, one message in flight each, for 5 s
 *     load -p PORT -m 4 -n 1000 -k 8           4 senders, and 1,000 connections that only listen
 *     load -p PORT --idle 5000 --pid PID       what a connection that says nothing costs in memory
 *
 * One thread and one epoll. Everybody is a guest of his own and a member of the room general, so each message
 * is delivered to every connection, the senders' included ("quiet" is: no listeners besides the senders). A
 * sender replaces each message that is acknowledged by the next one; the time between is the latency. What
 * else comes in is counted and thrown away. Prints a line for people on stderr, a line of JSON on stdout;
 * exit status 1 when anything went wrong.
 */
#include "crowd.h"

#include <getopt.h>

static bool sending;
static uint64_t acked, delivered, errors;

/* an ack, or the refusal of a message: the slot is free, and the next message takes it */
static void on_answer(struct conn *c, const char *text, size_t len, bool ok)
{
    int slot = slot_of(text, len);

    if (!ok && ++errors == 1)
        fprintf(stderr, "load: refused: %.*s\n", (int)len, text);
    if (c->sent_at == NULL || slot == -1)
        return;
    --load.outstanding;
    if (ok && load.counting) {
        ++acked;
        note_latency(now_us() - c->sent_at[slot]);
    }
    if (sending)
        queue_message(c, (unsigned)slot);
}

static void on_text(struct conn *c, const char *text, size_t len, uint64_t payload)
{
    (void)payload;
    if (is(text, len, "{\"type\":\"message\""))
        delivered += load.counting;
    else if (is(text, len, "{\"type\":\"ack\""))
        on_answer(c, text, len, true);
    else if (is(text, len, "{\"type\":\"error\""))
        on_answer(c, text, len, false);
}

/* -- the two measurements -- */

static void report_load(double seconds, uint64_t lost)
{
    sort_latencies();
    fprintf(stderr,
            "%.0f acknowledged/s from %d senders with %d in flight (p50 %.2f ms, p99 %.2f ms, max %.2f ms), "
            "%.0f deliveries/s to %d connections, %" PRIu64 " refused, %" PRIu64 " closed, %" PRIu64
            " lost\n",
            (double)acked / seconds, opt.senders, opt.in_flight, percentile_ms(0.5), percentile_ms(0.99),
            percentile_ms(1), (double)delivered / seconds, load.count, errors, load.closed, lost);
    printf("{\"acked_per_s\":%.1f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"max_ms\":%.3f,\"deliveries_per_s\":%.1f,"
           "\"senders\":%d,\"listeners\":%d,\"in_flight\":%d,\"size\":%d,\"seconds\":%.2f,"
           "\"refused\":%" PRIu64 ",\"closed\":%" PRIu64 ",\"lost\":%" PRIu64 "}\n",
           (double)acked / seconds, percentile_ms(0.5), percentile_ms(0.99), percentile_ms(1),
           (double)delivered / seconds, opt.senders, opt.listeners, opt.in_flight, opt.size, seconds, errors,
           load.closed, lost);
}

static int run_load(void)
{
    uint64_t start;
    double seconds;

    open_all(opt.senders, opt.listeners);
    sending = true;
    for (int i = 0; i != opt.senders; ++i) {
        for (int slot = 0; slot != opt.in_flight; ++slot)
            queue_message(&load.conns[i], (unsigned)slot);
        flush(&load.conns[i]);
    }
    run_for(opt.warm_up, NULL);
    load.counting = true;
    start = now_us();
    run_for(opt.seconds, NULL);
    seconds = (double)(now_us() - start) / 1e6;
    sending = load.counting = false;
    run_for(10, none_outstanding);
    report_load(seconds, load.outstanding);
    return acked == 0 || errors + load.closed + load.outstanding != 0;
}

struct memory {
    long rss, pss, private; /* kB */
};

static struct memory memory_of(int pid)
{
    struct memory m = {0};
    char path[64], line[256];
    long kb;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    if ((file = fopen(path, "r")) == NULL)
        die("%s: %s", path, strerror(errno));
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "Rss: %ld", &kb) == 1)
            m.rss = kb;
        else if (sscanf(line, "Pss: %ld", &kb) == 1)
            m.pss = kb;
        else if (sscanf(line, "Private_Clean: %ld", &kb) == 1 || sscanf(line, "Private_Dirty: %ld", &kb) == 1)
            m.private += kb;
    }
    fclose(file);
    return m;
}

static double bytes_each(long before, long after)
{
    return (double)(after - before) * 1024 / opt.idle;
}

static int run_idle(void)
{
    struct memory start = memory_of(opt.pid), full, quiet;

    open_all(0, opt.idle);
    full = memory_of(opt.pid);
    run_for(opt.hold, NULL); /* a quiet connection gives its buffers back after some seconds */
    quiet = memory_of(opt.pid);
    fprintf(
        stderr,
        "%d idle connections: %.0f bytes each right away, %.0f after %.0f s (private; Rss %.0f, Pss %.0f); "
        "%ld kB Rss and %ld kB private before, %" PRIu64 " closed\n",
        opt.idle, bytes_each(start.private, full.private), bytes_each(start.private, quiet.private), opt.hold,
        bytes_each(start.rss, quiet.rss), bytes_each(start.pss, quiet.pss), start.rss, start.private,
        load.closed);
    printf("{\"idle\":%d,\"start_rss_kb\":%ld,\"start_pss_kb\":%ld,\"start_private_kb\":%ld,\"bytes_each_at_"
           "once\":%.0f,"
           "\"bytes_each\":%.0f,\"rss_bytes_each\":%.0f,\"pss_bytes_each\":%.0f,\"rss_kb\":%ld,\"closed\":"
           "%" PRIu64 "}\n",
           opt.idle, start.rss, start.pss, start.private, bytes_each(start.private, full.private),
           bytes_each(start.private, quiet.private), bytes_each(start.rss, quiet.rss),
           bytes_each(start.pss, quiet.pss), quiet.rss, load.closed);
    return load.closed != 0;
}

static _Noreturn void usage(int status)
{
    fputs("usage: load -p PORT [options]\n"
          "  -H, --host IP        127.0.0.1\n"
          "  -m, --senders M      64\n"
          "  -n, --listeners N    0: connections besides the senders; -q, --quiet says the same\n"
          "  -k, --in-flight K    1: messages of a sender that wait for their ack\n"
          "  -s, --size BYTES     64: of text\n"
          "  -d, --duration S     5, after a warm-up of 0.5 (-w, --warm-up)\n"
          "  -i, --idle N         opens N connections, and measures the memory of --pid PID before and "
          "--hold S (12) later\n",
          status == 0 ? stdout : stderr);
    exit(status);
}

static void read_options(int argc, char **argv)
{
    static const struct option longs[] = {{"host", required_argument, NULL, 'H'},
                                          {"port", required_argument, NULL, 'p'},
                                          {"senders", required_argument, NULL, 'm'},
                                          {"listeners", required_argument, NULL, 'n'},
                                          {"in-flight", required_argument, NULL, 'k'},
                                          {"size", required_argument, NULL, 's'},
                                          {"duration", required_argument, NULL, 'd'},
                                          {"warm-up", required_argument, NULL, 'w'},
                                          {"idle", required_argument, NULL, 'i'},
                                          {"pid", required_argument, NULL, 'P'},
                                          {"hold", required_argument, NULL, 'o'},
                                          {"quiet", no_argument, NULL, 'q'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int *whole[128] = {
        ['p'] = &opt.port, ['m'] = &opt.senders, ['n'] = &opt.listeners, ['k'] = &opt.in_flight,
        ['s'] = &opt.size, ['i'] = &opt.idle,    ['P'] = &opt.pid};
    double *real[128] = {['d'] = &opt.seconds, ['w'] = &opt.warm_up, ['o'] = &opt.hold};

    for (int c; (c = getopt_long(argc, argv, "H:p:m:n:k:s:d:w:i:P:o:qh", longs, NULL)) != -1;) {
        if (c == 'H')
            opt.host = optarg;
        else if (c == 'q')
            opt.listeners = 0;
        else if (c == 'h' || c == '?')
            usage(c == 'h' ? 0 : 2);
        else if (whole[c] != NULL)
            *whole[c] = atoi(optarg);
        else
            *real[c] = atof(optarg);
    }
    if (optind != argc || opt.port <= 0 || opt.senders < 0 || opt.listeners < 0 || opt.size < 1 ||
        opt.in_flight < 1 || opt.in_flight > SLOTS_MAX || opt.seconds <= 0 || (opt.idle != 0 && opt.pid <= 0))
        usage(2);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    crowd_start(opt.idle != 0 ? opt.idle : opt.senders + opt.listeners);
    return opt.idle != 0 ? run_idle() : run_load();
}
