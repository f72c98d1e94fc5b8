/* checkpoint.c -- when the log (WAL) goes into the database file, and how long it may get.
 *
 *     grown by 1,000 pages -> (a reader's connection moves them, in the pool) -> the core knows how many
 *     24,000 pages          -> readers wait a moment, the core moves the last few, the log begins anew
 *
 * Moving costs two syncs and the writing of every page. On the core's thread that held up everybody behind
 * it: with syncs of 5 ms the slowest ack in a hundred waited 4.4 syncs. In the pool it holds up nobody, but
 * while the core goes on writing the log never becomes empty, so at last the core has to move the end of it
 * itself. That costs those who wait just then three syncs more (of the log, of the file, and of the head of
 * the new log); the length is chosen so that they are fewer than one in a hundred. Where the core rests for a
 * moment, the log begins anew by itself.
 *
 * 64 senders, syncs of 5 ms, p99 of an ack: 26 ms with 8,000 pages, 16.5 to 18 with 16,000, 15.7 to 16.5
 * with 24,000.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "chat/state.h"
#include "store/readers.h"

enum {
    GROWN_PAGES = 1000,                          /* 4 MB: SQLite's own default */
    LONG_PAGES = 24000,                          /* 96 MB, some 9,000 messages of 64 senders, 150 commits */
    LAST_PAGES = 250,                            /* what the core moves by itself: 1 ms */
    LONGEST_PAGES = LONG_PAGES + LONG_PAGES / 4, /* ... where the pool does not come to that, all */
    READERS_MS = 250, /* how long readers wait: a page of history takes 1 ms, the longest 100 */
    AGAIN_MS = 1000   /* ... and how often, where somebody reads for longer, as a backup does */
};

struct move_job {
    cbx_job_t job;
    cbx_core_t *core;
    cbx_err_t err;
    int moved;
};

static void move_run(cbx_job_t *job)
{
    struct move_job *m = (struct move_job *)job;
    cbx_store_t *reader = cbx_readers_borrow(m->core->readers);

    m->err = reader == NULL ? CBX_ERR_STORAGE_UNAVAILABLE : cbx_store_move_log(reader, &m->moved);
    cbx_readers_return(m->core->readers, reader);
}

static void move_done(cbx_mail_t *mail, void *arg)
{
    struct move_job *m = (struct move_job *)mail;
    cbx_core_t *core = arg;

    --core->away;
    core->log.moving = false;
    if (m->err == CBX_OK)
        core->log.moved = m->moved;
    else
        core->log.again = cbx_clock_steady() + AGAIN_MS;
    free(m);
}

static void move(cbx_core_t *core)
{
    struct move_job *m = cbx_zalloc(sizeof(*m));

    m->job.run = move_run;
    m->job.mail.deliver = move_done;
    m->job.home = &core->mailbox;
    m->core = core;
    if (cbx_pool_submit(core->pool, &m->job) != CBX_OK) {
        free(m); /* the pool is full: the next turn asks again */
        return;
    }
    core->log.moving = true;
    ++core->away;
}

/* A log begins anew when nobody reads from it. With readers that overlap that never happens by itself: it was
 * seen to grow to 172 MB within a minute. So none begins until those who do are done; the core goes on
 * meanwhile. */
static void begin_anew(cbx_core_t *core, int64_t now)
{
    if (core->log.until == 0)
        core->log.until = now + READERS_MS;
    if (cbx_readers_stop(core->readers, core->log.until))
        cbx_store_empty_log(core->store);
    else if (now < core->log.until)
        return;
    cbx_readers_go_on(core->readers);
    core->log.until = 0;
    core->log.again = cbx_store_log_pages(core->store) != 0 ? now + AGAIN_MS : 0;
}

void cbx_checkpoint_tend(cbx_core_t *core)
{
    int pages = cbx_store_log_pages(core->store), more;
    int64_t now = cbx_clock_steady();

    if (pages < core->log.moved)
        core->log.moved = 0; /* it has begun anew */
    more = pages - core->log.moved;
    if (core->resigned || core->log.moving || now < core->log.again)
        return;
    if (core->log.until == 0 && more >= (pages < LONG_PAGES ? GROWN_PAGES : LAST_PAGES) &&
        pages < LONGEST_PAGES)
        move(core);
    else if (pages >= LONG_PAGES || core->log.until != 0)
        begin_anew(core, now);
}

void cbx_checkpoint_erase(cbx_core_t *core)
{
    if (!core->log.moving)
        cbx_store_erase(core->store);
}
