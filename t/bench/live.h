/* live.h -- somebody who talks and some who listen, in a process of their own, while another makes a storm.
 *
 * The sender says 10 messages a second by the clock, however late the last one was; from the moment that a
 * message was due until a listener has it is a latency. The two processes speak through a socket pair:
 *
 *     r   ready: all are connected           g   go: say something
 *     e   end: say no more                   a struct live: what came of it
 */
#ifndef cbx_bench_live_h
#define cbx_bench_live_h

#include <sys/wait.h>

#include "crowd.h"

enum { LIVE_EVERY_US = 100000, LIVE_PATIENCE_S = 10 };

struct live {
    int sent, heard;
    uint64_t closed;
    double p50_ms, p99_ms, max_ms;
};

static struct {
    char username[64]; /* of the sender, as it is in its messages */
    int sent, heard;
} live;

/* has the other process said go on? */
static bool told(int peer)
{
    char byte;
    ssize_t n = recv(peer, &byte, 1, MSG_DONTWAIT);

    if (n == 0)
        exit(1); /* it is gone */
    return n == 1;
}

static void live_heard(const char *text, size_t len)
{
    int slot = slot_of(text, len);

    if (slot == -1 || memmem(text, len, live.username, strlen(live.username)) == NULL)
        return;
    ++live.heard;
    note_latency(now_us() - load.conns[0].sent_at[slot]);
}

static void live_say(uint64_t at)
{
    queue_message(&load.conns[0], (unsigned)live.sent);
    load.conns[0].sent_at[live.sent++] = at; /* when it was due, should we be late */
    flush(&load.conns[0]);
}

static bool live_all_heard(void)
{
    return live.heard == live.sent * opt.listeners;
}

static _Noreturn void run_live(int peer)
{
    struct live result;
    uint64_t due;

    opt.in_flight = SLOTS_MAX;
    crowd_start(1 + opt.listeners);
    snprintf(live.username, sizeof(live.username), "\"username\":\"load-%x-0\"", (unsigned)getpid());
    open_all(1, opt.listeners);
    send_all(peer, "r", 1);
    while (!told(peer))
        turn(1);
    load.counting = true;
    for (due = now_us(); !told(peer) && live.sent != SLOTS_MAX; turn(1))
        for (; now_us() >= due && live.sent != SLOTS_MAX; due += LIVE_EVERY_US)
            live_say(due);
    run_for(LIVE_PATIENCE_S, live_all_heard);
    sort_latencies();
    result = (struct live){.sent = live.sent,
                           .heard = live.heard,
                           .closed = load.closed,
                           .p50_ms = percentile_ms(0.5),
                           .p99_ms = percentile_ms(0.99),
                           .max_ms = percentile_ms(1)};
    send_all(peer, (const char *)&result, sizeof(result));
    exit(0);
}

static int start_live(pid_t *pid)
{
    int pair[2];
    char ready;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || (*pid = fork()) == -1)
        die("cannot start a process: %s", strerror(errno));
    if (*pid == 0) {
        close(pair[0]);
        run_live(pair[1]);
    }
    close(pair[1]);
    if (recv(pair[0], &ready, 1, 0) != 1)
        die("no live listeners");
    return pair[0];
}

static struct live end_live(int peer, pid_t pid)
{
    struct live result;

    send_all(peer, "e", 1);
    if (recv(peer, &result, sizeof(result), MSG_WAITALL) != sizeof(result))
        die("the live listeners are gone");
    close(peer);
    waitpid(pid, NULL, 0);
    return result;
}

#endif
