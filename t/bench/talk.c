/* talk.c -- see talk.h */
#include "talk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    TAG = 6,         /* bytes of the stamp that say whose run it is */
    AT_SENDER = TAG, /* 4 digits */
    AT_NUMBER = 11,  /* 8 digits */
    SENDERS_MAX = 65536,
    KEPT = 1 << 20,     /* messages that are remembered, of all senders */
    KEPT_EACH = 1 << 13 /* ... of each at least */
};

/* one message; it is forgotten when the sender has said as many more as are kept */
struct said {
    uint64_t due;
    uint64_t place;        /* in the order of the first hearing; 0: nobody has heard it */
    uint32_t number, left; /* receivers that have not heard it */
    bool answered;
};

/* numbers that a receiver has not heard, though it has heard later ones */
struct hole {
    int receiver, sender;
    uint32_t from, to;
};

enum news { NEW, LATE, AGAIN };

struct talk talk = {.size = 100, .to = UINT64_MAX};

static struct said *said;    /* rings, one after the other */
static uint32_t ring_mask;   /* numbers are modulo a power of two */
static uint32_t *said_next;  /* of each sender */
static uint32_t *heard;      /* of each receiver and sender: the next number */
static uint64_t *last_place; /* of each receiver: the highest that it has heard */
static uint32_t *here;       /* of each room: receivers */
static uint64_t here_closed, refused_owed;
static struct hole *holes;
static size_t hole_count, hole_cap;
static char tag[TAG + 1], *filling;

static struct said *said_at(unsigned sender, uint32_t number)
{
    return &said[(size_t)sender * (ring_mask + 1) + (number & ring_mask)];
}

static uint32_t *heard_at(int receiver, unsigned sender)
{
    return &heard[(size_t)receiver * (size_t)talk.senders + sender];
}

static void count_who_is_here(void)
{
    memset(here, 0, (size_t)opt.rooms * sizeof(*here));
    for (const struct conn *c = crowd.conns; c != crowd.conns + crowd.count; ++c)
        here[c->room] += !c->closed && !c->slow;
    here_closed = crowd.closed;
}

void talk_start(void)
{
    uint32_t kept = KEPT;

    if (talk.senders > SENDERS_MAX)
        die("%d senders", talk.senders);
    while (kept > KEPT_EACH && kept * (uint64_t)talk.senders > KEPT)
        kept /= 2;
    ring_mask = kept - 1;
    said = must(calloc((size_t)talk.senders * kept + 1, sizeof(*said)));
    said_next = must(calloc((size_t)talk.senders + 1, sizeof(*said_next)));
    heard = must(calloc((size_t)crowd.count * (size_t)talk.senders + 1, sizeof(*heard)));
    last_place = must(calloc((size_t)crowd.count, sizeof(*last_place)));
    here = must(calloc((size_t)opt.rooms, sizeof(*here)));
    filling = must(malloc((size_t)talk.size + 1));
    memset(filling, 'x', (size_t)talk.size);
    filling[talk.size] = '\0';
    snprintf(tag, sizeof(tag), "~%04x.", (unsigned)getpid() & 0xffff);
    count_who_is_here();
}

/* -- saying -- */

/* writes the message's frame; what is between its start and its end is the filling */
static void write_frame(struct conn *c, uint32_t number)
{
    char start[160], *at;
    size_t rest = (size_t)talk.size - STAMP;
    int n;

    if (opt.bare)
        n = snprintf(start, sizeof(start), "%s%04x.%08" PRIx32 ".", tag, c->number, number);
    else
        n = snprintf(start, sizeof(start),
                     "{\"type\":\"message\",\"room\":%" PRId64 ",\"cid\":\"%04x-%08" PRIx32
                     "\",\"text\":\"%s%04x.%08" PRIx32 ".",
                     crowd.rooms[c->room], c->number, number, tag, c->number, number);
    at = crowd_frame(c, OP_TEXT, (size_t)n + rest + (opt.bare ? 0 : 2));
    memcpy(at, start, (size_t)n);
    memcpy(at + n, filling, rest);
    if (!opt.bare)
        memcpy(at + n + rest, "\"}", 2);
}

void talk_say(struct conn *c, uint64_t due)
{
    uint32_t number = said_next[c->number]++;

    if (here_closed != crowd.closed)
        count_who_is_here();
    *said_at((unsigned)c->number, number) =
        (struct said){.due = due, .number = number, .left = here[c->room]};
    write_frame(c, number);
    talk.owed += here[c->room];
    talk.sent += talk.counting;
    ++talk.outstanding;
}

/* -- hearing -- */

static uint32_t hex(const char *at, int digits)
{
    uint32_t value = 0;

    for (int i = 0; i != digits; ++i)
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): who asks has the digits */
        value = value << 4 | (((unsigned)at[i] & 15) + ((unsigned)at[i] >> 6) * 9);
    return value;
}

static bool counts(const struct said *s)
{
    return s->due >= talk.from && s->due < talk.to;
}

static uint64_t since(const struct said *s)
{
    return crowd.now > s->due ? crowd.now - s->due : 0;
}

/* frames of one kind are of one length, nearly: the stamp is where it was in the last one */
static const char *find_stamp(const char *text, size_t len)
{
    static size_t hint;
    const char *at;

    if (hint + STAMP <= len && memcmp(text + hint, tag, TAG) == 0)
        return text + hint;
    at = memmem(text, len, tag, TAG);
    if (at == NULL || at + STAMP > text + len)
        return NULL;
    hint = (size_t)(at - text);
    return at;
}

static void add_hole(int receiver, unsigned sender, uint32_t from, uint32_t to)
{
    if (hole_count == hole_cap) {
        hole_cap = hole_cap * 2 + 1024;
        holes = must(realloc(holes, hole_cap * sizeof(*holes)));
    }
    holes[hole_count++] = (struct hole){receiver, (int)sender, from, to};
}

/* false: there was none */
static bool fill_hole(int receiver, unsigned sender, uint32_t number)
{
    for (size_t i = hole_count; i-- != 0;) {
        struct hole h = holes[i];
        if (h.receiver != receiver || h.sender != (int)sender || number < h.from || number >= h.to)
            continue;
        holes[i] = holes[--hole_count];
        if (number != h.from)
            add_hole(receiver, sender, h.from, number);
        if (number + 1 != h.to)
            add_hole(receiver, sender, number + 1, h.to);
        return true;
    }
    return false;
}

/* notes that the receiver has heard it; whether it had before, or a later one of the sender */
static enum news note_heard(int receiver, unsigned sender, uint32_t number)
{
    uint32_t *next = heard_at(receiver, sender);

    if (number == *next) {
        ++*next;
    } else if (number > *next) {
        add_hole(receiver, sender, *next, number);
        *next = number + 1;
    } else {
        return fill_hole(receiver, sender, number) ? LATE : AGAIN;
    }
    return NEW;
}

/* all receivers hear all in one order, whoever said it: that of whoever heard it first */
static bool in_order(int receiver, struct said *s)
{
    static uint64_t places;

    if (s->place == 0)
        s->place = ++places;
    if (s->place < last_place[receiver])
        return false;
    last_place[receiver] = s->place;
    return true;
}

static void on_answer(struct conn *c, struct said *s, bool ok)
{
    talk.doubled += s->answered;
    if (s->answered)
        return;
    s->answered = true;
    --talk.outstanding;
    if (ok) {
        talk.acked += talk.counting;
        if (counts(s))
            hist_note(&talk.acks, since(s));
    }
    if (talk.answered != NULL)
        talk.answered(c);
}

static void note_delivery(struct said *s)
{
    --s->left;
    if (!counts(s))
        return;
    hist_note(&talk.deliveries, since(s));
    if (s->left == 0)
        hist_note(&talk.lasts, since(s));
}

void talk_heard(struct conn *c, const char *text, size_t len)
{
    const char *stamp = find_stamp(text, len);
    uint32_t sender = stamp != NULL ? hex(stamp + AT_SENDER, 4) : SENDERS_MAX;
    uint32_t number = stamp != NULL ? hex(stamp + AT_NUMBER, 8) : 0;
    struct said *s;
    bool known;

    if (sender >= (uint32_t)talk.senders || number >= said_next[sender]) {
        ++talk.foreign;
        return;
    }
    s = said_at(sender, number);
    known = s->number == number;
    switch (note_heard(c->number, sender, number)) {
    case NEW:
        talk.misordered += known && !in_order(c->number, s);
        break;
    case LATE:
        ++talk.misordered;
        break;
    case AGAIN:
        ++talk.doubled;
        return;
    }
    if (c->slow)
        return;
    ++talk.paid;
    talk.delivered += talk.counting;
    if (known)
        note_delivery(s);
    else
        ++talk.unmeasured;
    if (opt.bare && (uint32_t)c->number == sender)
        on_answer(c, s, true);
}

void talk_answered(const char *text, size_t len, bool ok)
{
    const char *cid = memmem(text, len, "\"cid\":\"", 7);
    uint32_t sender = cid != NULL && cid + 20 <= text + len ? hex(cid + 7, 4) : SENDERS_MAX;
    uint32_t number = sender < (uint32_t)talk.senders ? hex(cid + 12, 8) : 0;

    if (!ok && ++talk.refused == 1)
        fprintf(stderr, "%s: refused: %.*s\n", program_invocation_short_name, (int)len, text);
    if (sender >= (uint32_t)talk.senders || number >= said_next[sender])
        return;
    if (!ok) { /* nobody will hear it */
        talk.owed -= here[crowd.conns[sender].room];
        refused_owed += here[crowd.conns[sender].room];
    }
    on_answer(&crowd.conns[sender], said_at(sender, number), ok);
}

uint64_t talk_missing(void)
{
    uint64_t missing = 0;

    for (size_t i = 0; i != hole_count; ++i)
        if (!crowd.conns[holes[i].receiver].closed && !crowd.conns[holes[i].receiver].slow)
            missing += holes[i].to - holes[i].from;
    for (const struct conn *c = crowd.conns; c != crowd.conns + crowd.count; ++c)
        for (unsigned sender = 0; !c->closed && !c->slow && sender != (unsigned)talk.senders; ++sender)
            if (crowd.conns[sender].room == c->room)
                missing += said_next[sender] - *heard_at(c->number, sender);
    return missing > refused_owed ? missing - refused_owed : 0;
}
