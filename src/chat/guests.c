/* guests.c -- guests who are here, and those whom nobody can be again.
 *
 * Timers of the core call both. A guest without a session is done with once the name is free:
 * nobody can log in as him. Where nothing is left that needs him (what he wrote has an author, a direct room
 * has two) his row goes, so that who logs in ten thousand times as a guest does not make the database grow
 * for ever. That is done a few at a time, when nobody waits, and soon again where there were some.
 */
#include "base/clock.h"
#include "chat/state.h"

enum {
    TOUCH_MS = 60 * 60 * 1000, /* how stale a guest's last_seen may be, should we be killed */
    LOOK_AT = 1000,            /* users at a time, 1 to 2 ms */
    STEP_MAX = 100,            /* ... of which no more go at a time ... */
    STEP_MS =
        5 /* ... than in so long: with 1,000 rooms, whose owners SQLite looks through, each takes 0.6 ms */
};

/* -- who is here -- */

static bool needs_touch(const cbx_person_t *person, int64_t now)
{
    return person->guest && (person->left || (person->seats != NULL && now - person->last_seen > TOUCH_MS));
}

static cbx_err_t touch(cbx_core_t *core, int64_t now)
{
    cbx_person_t *person, *tmp;
    cbx_err_t err = CBX_OK;

    HASH_ITER(hh, core->people.persons, person, tmp) {
        if (err == CBX_OK && needs_touch(person, now))
            err = cbx_store_touch(core->store, person->user.id, now);
    }
    return err == CBX_OK ? cbx_store_commit(core->store) : err;
}

void cbx_touch_guests(cbx_core_t *core)
{
    int64_t now = cbx_clock_wall();
    cbx_person_t *person, *tmp;
    size_t n = 0;

    HASH_ITER(hh, core->people.persons, person, tmp) {
        n += needs_touch(person, now);
    }
    if (n == 0 || cbx_core_begin(core) != CBX_OK)
        return;
    if (touch(core, now) != CBX_OK) {
        cbx_store_rollback(core->store);
        return;
    }
    HASH_ITER(hh, core->people.persons, person, tmp) {
        if (needs_touch(person, now)) {
            person->last_seen = now;
            person->left = false;
        }
    }
}

/* -- who is gone -- */

/* nobody is here as him, and nothing about him is under way */
static bool is_away(const cbx_core_t *core, int64_t user_id)
{
    const cbx_person_t *person = cbx_people_find(&core->people, user_id);

    return person == NULL || (person->seats == NULL && !person->online && !person->left &&
                              !person->is_coming && !person->is_leaving);
}

/* takes those who may go out of the database, for STEP_MS, and leaves in `lapsed` who was seen to; `*members`
 * counts who was still a member of `general` */
static cbx_err_t remove_guests(cbx_core_t *core, cbx_lapsed_t *lapsed, int64_t *members)
{
    int64_t until = cbx_clock_steady() + STEP_MS;
    cbx_err_t err = CBX_OK;
    size_t i = 0;

    while (i != lapsed->len && err == CBX_OK && (i == 0 || cbx_clock_steady() < until)) {
        int64_t id = lapsed->ids[i++];
        bool is_member = false;
        if (!is_away(core, id))
            continue;
        if ((err = cbx_store_is_member(core->store, CBX_GENERAL, id, &is_member)) == CBX_OK)
            err = cbx_store_remove_guest(core->store, id);
        *members += is_member;
    }
    lapsed->len = i;
    return err == CBX_OK ? cbx_store_commit(core->store) : err;
}

/* what memory knows of them */
static void forget_guests(cbx_core_t *core, const cbx_lapsed_t *lapsed, int64_t members)
{
    cbx_room_t *general = cbx_core_room(core, CBX_GENERAL);

    for (size_t i = 0; i != lapsed->len; ++i)
        if (is_away(core, lapsed->ids[i]))
            cbx_people_forget(&core->people, lapsed->ids[i]);
    general->members -= members;
    if (general->known && cbx_room_load_top(general, core->store) != CBX_OK)
        cbx_core_forget(core, general);
}

bool cbx_purge_guests(cbx_core_t *core)
{
    int64_t now = cbx_clock_wall(), members = 0, upto = core->purged_upto;
    int64_t ids[STEP_MAX];
    cbx_lapsed_t lapsed = {.ids = ids, .max = STEP_MAX};
    size_t found;

    if (core->waiting != NULL || !cbx_core_storage_ok(core) ||
        cbx_store_lapsed_guests(core->store, &upto, LOOK_AT, now, now - CBX_NAME_KEPT_MS, &lapsed) != CBX_OK)
        return false;
    if ((found = lapsed.len) != 0) {
        if (cbx_core_begin(core) != CBX_OK)
            return false;
        if (remove_guests(core, &lapsed, &members) != CBX_OK) {
            cbx_store_rollback(core->store);
            return false;
        }
        forget_guests(core, &lapsed, members);
    }
    core->purged_upto = lapsed.len != found ? ids[lapsed.len - 1] : upto;
    return found != 0 && core->purged_upto != 0;
}
