/* stats.h -- what is counted: atomics that anybody adds to and /metrics reads. One row each: name, kind,
 * help. */
#ifndef cbx_base_stats_h
#define cbx_base_stats_h

#include <stdatomic.h>
#include <stdint.h>

#define CBX_STATS(X)                                                                                         \
    X(connections, "gauge", "TCP connections that are open")                                                 \
    X(connections_refused, "counter", "TCP connections refused: max-connections, or no memory to spare")     \
    X(connections_cut, "counter", "TCP connections cut because they cost more than they may")                \
    X(sessions, "gauge", "WebSocket connections that are open")                                              \
    X(sessions_slow, "counter", "WebSocket connections closed because they did not read (4008)")             \
    X(frames_in, "counter", "WebSocket messages received")                                                   \
    X(frames_out, "counter", "WebSocket messages handed to a connection")                                    \
    X(errors_out, "counter", "Requests and frames refused")                                                  \
    X(commands, "counter", "Commands that the core ran")                                                     \
    X(commands_refused, "counter", "Commands refused because the core's queue was full")                     \
    X(messages, "counter", "Messages stored")                                                                \
    X(commits, "counter", "Transactions committed")                                                          \
    X(commits_failed, "counter", "Transactions that failed")                                                 \
    X(jobs, "counter", "Jobs that the thread pool ran")                                                      \
    X(memory_short, "gauge", "1 while new connections are refused because memory is short")                  \
    X(rooms_bytes, "gauge", "Bytes of messages that the core keeps at hand")                                 \
    X(waiting_bytes, "gauge", "Bytes of messages and answers that wait to be taken, or are cached")          \
    X(storage_ok, "gauge", "1 while the database can be written")                                            \
    X(draining, "gauge", "1 while the server is going away")

typedef struct cbx_stats {
#define CBX_STATS_FIELD(name, kind, help) _Atomic int64_t name;
    CBX_STATS(CBX_STATS_FIELD)
#undef CBX_STATS_FIELD
} cbx_stats_t;

extern cbx_stats_t cbx_stats;

#define CBX_COUNT(name, by) atomic_fetch_add_explicit(&cbx_stats.name, (by), memory_order_relaxed)
#define CBX_GAUGE(name, value) atomic_store_explicit(&cbx_stats.name, (value), memory_order_relaxed)
#define CBX_READ(name) atomic_load_explicit(&cbx_stats.name, memory_order_relaxed)

#endif
