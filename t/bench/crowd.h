/* crowd.h -- the connections of a load generator, all in one thread and one epoll.
 *
 * Guests log in, rooms are made and joined, WebSockets opened, frames come and go. What a frame means is the
 * program's affair: it defines on_text(), which sees the first bytes of each; the rest is thrown away.
 */
#ifndef cbx_bench_crowd_h
#define cbx_bench_crowd_h

#include "client.h"

enum { LOOK = 512 }; /* bytes of a frame that are looked at: all of an ack or a short message */

extern struct options {
    const char *host, *path;
    int port, users; /* 0: one for each connection */
    int rooms;       /* 1: the room general */
    bool bare;       /* no accounts, no JSON: see talk.h */
    bool tls;
} opt;

struct conn {
    struct line line;
    int number, user, room;
    bool upgraded, welcome, closed, writing;
    bool slow, paced;              /* reads 1 kB a second; still does */
    uint64_t skip;                 /* bytes of the current frame that nobody needs */
    void (*whole)(struct conn *c); /* to be called when these have come too; set by on_text() */
    size_t carry_len;
    uint8_t
        carry[LOOK + 16]; /* the start of a frame that has not come in whole, or of the upgrade's answer */
    char *out;
    size_t out_len, out_cap;
};

extern struct crowd {
    struct conn *conns;
    int count;
    int64_t *rooms;  /* their ids */
    uint64_t now;    /* when the last bytes came in, us */
    uint64_t closed; /* connections that ended, the slow ones not counted */
    uint64_t slow_closed;
    char hello[128]; /* what a connection says first */

    /* called in each turn, NULL: nobody; says when it wants to be called next, us */
    uint64_t (*tick)(void);
} crowd;

/* the program's: a text frame of `payload` bytes, of which `len` are here: all of it, or LOOK */
void on_text(struct conn *c, const char *text, size_t len, uint64_t payload);

/* first of all: for as many connections at once */
void crowd_start(int fds);

/* makes `count` connections, all logged in, members of their rooms, and none open */
void crowd_gather(int count);

/* asks for the WebSocket; the rest comes when the loop turns */
void crowd_come(struct conn *c);

/* opens the first `count`, and returns when each has been welcomed */
void crowd_open(int count);

/* from now on it reads 1 kB a second */
void crowd_slow_down(struct conn *c);

/* the slow ones read all that comes: so that it shows whether they were closed */
void crowd_hurry(void);

/* waits for something to come in, `us` at most, and acts on it */
void crowd_turn(uint64_t us);

/* turns until the time has come, or `until` (NULL: nobody) says that it is enough */
void crowd_run(double seconds, bool (*until)(void));

/* `len` bytes to be filled in behind what waits to be sent: a frame's payload */
char *crowd_frame(struct conn *c, unsigned op, size_t len);
void crowd_flush(struct conn *c);

/* does the frame begin so? */
static inline bool is(const char *text, size_t len, const char *type)
{
    return len > strlen(type) && memcmp(text, type, strlen(type)) == 0;
}

#endif
