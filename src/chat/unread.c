/* unread.c -- how much a member has not read, exactly, without making everybody wait for the count.
 *
 *     a command -> (a reader counts -> again) -> what was counted, and what has changed since
 *
 * It is counted in the messages behind the reading mark, never added up along the way, so it can't drift. The
 * core counts what is near by itself; who was away for a hundred thousand messages is served by a reader, and
 * the core adds only the changes that came meanwhile, which it finds by rev. What a reader counted stays with
 * the membership for the next time, until the mark moves.
 */
#include <stdlib.h>

#include "chat/state.h"

/* messages and changes that the core reads itself for one command: 1 ms */
#define NEAR 5000

struct count_job {
    cbx_job_t job;
    cbx_core_t *core;
    cbx_command_t *cmd;
    int64_t user_id;
    size_t len;
    cbx_unread_t list[];
};

static int64_t behind(const cbx_membership_t *m)
{
    return m->read_id > m->joined_id ? m->read_id : m->joined_id;
}

static bool is_counted(const cbx_membership_t *m)
{
    return m->counted != NULL && m->counted->after == behind(m);
}

cbx_err_t cbx_unread_now(cbx_core_t *core, const cbx_membership_t *m, int64_t user_id, int64_t *count)
{
    cbx_unread_t unread = {.room = m->room, .after = behind(m), .user_id = user_id};
    cbx_err_t err;

    if (is_counted(m))
        return cbx_store_unread_now(core->store, m->counted, count);
    err = cbx_store_unread(core->store, &unread);
    *count = unread.count;
    return err;
}

/* how many messages must be looked at, at most; ids are of all rooms, revs of this one */
static int64_t effort(const cbx_core_t *core, const cbx_membership_t *m)
{
    const cbx_room_t *room = cbx_core_room(core, m->room);
    int64_t ids = room->last_id - behind(m);

    if (is_counted(m))
        return room->rev - m->counted->rev;
    return ids < room->rev ? ids : room->rev;
}

/* -- a reader counts -- */

static cbx_err_t count_all(struct count_job *c, cbx_store_t *reader)
{
    cbx_err_t err;

    if ((err = cbx_store_snapshot(reader)) != CBX_OK)
        return err;
    for (size_t i = 0; i != c->len && err == CBX_OK; ++i)
        err = cbx_store_unread(reader, &c->list[i]);
    cbx_store_snapshot_end(reader);
    return err;
}

static void count_run(cbx_job_t *job)
{
    struct count_job *c = (struct count_job *)job;
    cbx_store_t *reader = cbx_readers_borrow(c->core->readers);

    if (reader == NULL || count_all(c, reader) != CBX_OK)
        c->cmd->err = CBX_ERR_STORAGE_UNAVAILABLE;
    cbx_readers_return(c->core->readers, reader);
}

static void keep(cbx_membership_t *membership, const cbx_unread_t *counted)
{
    if (membership->counted == NULL)
        membership->counted = cbx_alloc(sizeof(*membership->counted));
    *membership->counted = *counted;
}

static void count_done(cbx_mail_t *mail, void *arg)
{
    struct count_job *c = (struct count_job *)mail;
    cbx_person_t *person = cbx_people_find(&c->core->people, c->user_id);
    cbx_membership_t *membership;

    (void)arg;
    for (size_t i = 0; person != NULL && c->cmd->err == CBX_OK && i != c->len; ++i)
        if ((membership = cbx_person_in_room(person, c->list[i].room)) != NULL)
            keep(membership, &c->list[i]);
    cbx_core_again(c->core, c->cmd);
    free(c);
}

bool cbx_count_ahead(cbx_core_t *core, cbx_command_t *cmd, const cbx_person_t *person, int64_t room)
{
    struct count_job *c = cbx_zalloc(sizeof(*c) + person->rooms_len * sizeof(c->list[0]));
    int64_t all = 0;

    for (size_t i = 0; i != person->rooms_len; ++i) {
        const cbx_membership_t *m = &person->rooms[i];
        int64_t n = room == CBX_EVERY_ROOM || room == m->room ? effort(core, m) : 0;
        if (n > 0)
            c->list[c->len++] =
                (cbx_unread_t){.room = m->room, .after = behind(m), .user_id = person->user.id};
        all += n;
    }
    c->job.run = count_run;
    c->job.mail.deliver = count_done;
    c->core = core;
    c->cmd = cmd;
    c->user_id = person->user.id;
    if (all > NEAR && cbx_core_send_away(core, cmd, &c->job) == CBX_OK)
        return true;
    free(c);
    return all > NEAR;
}
