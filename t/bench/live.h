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

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "talk.h"

enum { LIVE_EVERY_US = 100000, LIVE_PATIENCE_S = 10 };

struct live {
    uint64_t sent, owed, heard, closed;
    double p50_ms, p99_ms, max_ms;
};

static bool living; /* in the other process */

/* has the other process said go on? */
static bool told(int peer)
{
    char byte;
    ssize_t n = recv(peer, &byte, 1, MSG_DONTWAIT);

    if (n == 0)
        exit(1); /* it is gone */
    return n == 1;
}

static bool live_all_heard(void)
{
    return talk.paid == talk.owed;
}

static _Noreturn void run_live(int peer, int listeners)
{
    struct live result;

    living = true;
    talk.senders = 1;
    crowd_start(1 + listeners);
    crowd_gather(1 + listeners);
    crowd_open(crowd.count);
    talk_start();
    line_send_all(&(struct line){.fd = peer}, "r", 1);
    while (!told(peer))
        crowd_turn(1000);
    talk.counting = true;
    for (uint64_t due = now_us(); !told(peer); crowd_turn(1000))
        for (; now_us() >= due; due += LIVE_EVERY_US) {
            talk_say(&crowd.conns[0], due); /* should we be late, it was due then */
            crowd_flush(&crowd.conns[0]);
        }
    crowd_run(LIVE_PATIENCE_S, live_all_heard);
    result = (struct live){.sent = talk.sent,
                           .owed = talk.owed,
                           .heard = talk.paid,
                           .closed = crowd.closed,
                           .p50_ms = hist_ms(&talk.deliveries, 0.5),
                           .p99_ms = hist_ms(&talk.deliveries, 0.99),
                           .max_ms = hist_ms(&talk.deliveries, 1)};
    line_send_all(&(struct line){.fd = peer}, (const char *)&result, sizeof(result));
    exit(0);
}

static int start_live(pid_t *pid, int listeners)
{
    int pair[2];
    char ready;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || (*pid = fork()) == -1)
        die("cannot start a process: %s", strerror(errno));
    if (*pid == 0) {
        close(pair[0]);
        run_live(pair[1], listeners);
    }
    close(pair[1]);
    if (recv(pair[0], &ready, 1, 0) != 1)
        die("no live listeners");
    return pair[0];
}

static struct live end_live(int peer, pid_t pid)
{
    struct live result;

    line_send_all(&(struct line){.fd = peer}, "e", 1);
    if (recv(peer, &result, sizeof(result), MSG_WAITALL) != sizeof(result))
        die("the live listeners are gone");
    close(peer);
    waitpid(pid, NULL, 0);
    return result;
}

#endif
