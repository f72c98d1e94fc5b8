/* presence.c -- who is online: a lease held by connections, told in bundles, written nowhere.
 *
 * A user is online while one connection is, and for 5 s after the last one went, so a reload shows no
 * flicker. Who came and who left is gathered over 250 ms. Above 500 online only the count is sent; a client
 * that needs names then asks for the members of a room. When they are few enough again everybody is named
 * once.
 */
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "chat/state.h"

enum { GATHER_MS = 250, GRACE_MS = 5000 };

/* who gave the name away is not offline while somebody else is online under it */
static bool is_replaced(const cbx_core_t *core, const cbx_person_t *gone)
{
    if (!gone->released)
        return false;
    for (const cbx_person_t *person = core->people.persons; person != NULL; person = person->hh.next)
        if (person != gone && person->online && strcasecmp(person->user.username, gone->user.username) == 0)
            return true;
    return false;
}

static size_t put_names(cbx_core_t *core, cbx_person_t *(*next)(cbx_core_t *core, int64_t now), bool names)
{
    int64_t now = cbx_clock_steady();
    cbx_person_t *person;
    size_t n = 0;

    for (; (person = next(core, now)) != NULL; ++n)
        if (names && !is_replaced(core, person))
            cbx_json_string(core->json, person->user.username, strlen(person->user.username));
    return n;
}

static cbx_person_t *next_came(cbx_core_t *core, int64_t now)
{
    (void)now;
    return cbx_people_next_came(&core->people);
}

static cbx_person_t *next_left(cbx_core_t *core, int64_t now)
{
    return cbx_people_next_left(&core->people, GRACE_MS, now);
}

static size_t put_list(cbx_core_t *core, const char *key,
                       cbx_person_t *(*next)(cbx_core_t *core, int64_t now), bool names)
{
    size_t n;

    if (names) {
        cbx_json_key(core->json, key);
        cbx_json_open_list(core->json);
    }
    n = put_names(core, next, names);
    if (names)
        cbx_json_close_list(core->json);
    return n;
}

void cbx_put_online_names(cbx_core_t *core)
{
    cbx_person_t *person, *tmp;

    HASH_ITER(hh, core->people.persons, person, tmp) {
        if (person->online && !person->released)
            cbx_json_string(core->json, person->user.username, strlen(person->user.username));
    }
}

static size_t put_everybody(cbx_core_t *core)
{
    while (cbx_people_next_came(&core->people) != NULL)
        ;
    cbx_json_key(core->json, "online");
    cbx_json_open_list(core->json);
    cbx_put_online_names(core);
    cbx_json_close_list(core->json);
    return core->people.online;
}

static void on_presence(uv_timer_t *timer)
{
    cbx_core_t *core = timer->data;
    bool names = core->people.online <= CBX_ONLINE_NAMES_MAX, all = names && core->unnamed;
    size_t n;

    if (cbx_core_draining(core) || (core->people.coming == NULL && core->people.leaving == NULL && !all)) {
        uv_timer_stop(timer);
        return;
    }
    core->unnamed = !names;
    cbx_json_begin(core->json);
    cbx_json_open(core->json);
    cbx_json_put_text(core->json, "type", "presence");
    n = put_list(core, "offline", next_left, names);
    n += all ? put_everybody(core) : put_list(core, "online", next_came, names);
    cbx_json_put_int(core->json, "online_count", (int64_t)core->people.online);
    cbx_json_close(core->json);
    if (n != 0)
        cbx_core_announce(core);
}

void cbx_presence_changed(cbx_core_t *core)
{
    if (!uv_is_active((uv_handle_t *)&core->presence))
        uv_timer_start(&core->presence, on_presence, GATHER_MS, GATHER_MS);
}
