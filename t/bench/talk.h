/* talk.h -- what is said, and who has heard it.
 *
 * A message carries a stamp: whose run it is, its sender, and its number among what that sender says. From it
 * is told, for each receiver and exactly, what was missing, doubled or out of order, and how long it took:
 * when it was due is remembered here, as senders and receivers are in one process.
 *
 *     ~5b3a.0007.0000f3c1.xxxxxxxx      at the start of the text, or (bare) of the frame
 */
#ifndef cbx_bench_talk_h
#define cbx_bench_talk_h

#include "crowd.h"
#include "hist.h"

enum { STAMP = 20 }; /* bytes: no message is shorter */

extern struct talk {
    int senders; /* the first connections */
    int size;    /* bytes of a text, or (bare) of a frame */

    /* a message counts when it was due in this time, us */
    uint64_t from, to;
    bool counting; /* what comes in is counted */

    uint64_t sent, acked, delivered;     /* while counting */
    struct hist acks, deliveries, lasts; /* of messages that count; the last receiver's */

    /* from the start */
    uint64_t owed, paid; /* deliveries to whoever is here and not slow */
    uint64_t outstanding, refused;
    uint64_t doubled;    /* deliveries, or answers */
    uint64_t misordered; /* deliveries: another receiver heard it in another order */
    uint64_t foreign;    /* messages that nobody here said */
    uint64_t unmeasured; /* so late that it is forgotten when they were due */

    void (*answered)(struct conn *c); /* a message of the connection is no longer in flight; may be NULL */
} talk;

/* when the crowd is gathered, and it is known who is slow */
void talk_start(void);

/* queues the connection's next message, which was due then */
void talk_say(struct conn *c, uint64_t due);

/* a message came in; its ack, or its refusal */
void talk_heard(struct conn *c, const char *text, size_t len);
void talk_answered(const char *text, size_t len, bool ok);

/* what receivers that are still here, and not slow, should have heard and have not */
uint64_t talk_missing(void);

#endif
