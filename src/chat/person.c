/* person.c -- persons, by number, and what they leave when they stand up. */
#include "chat/person.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "wire/token.h"

static int by_room(const void *a, const void *b)
{
    int64_t x = ((const cbx_membership_t *)a)->room, y = ((const cbx_membership_t *)b)->room;

    return (x > y) - (x < y);
}

void cbx_person_join(cbx_person_t *person, const cbx_membership_t *membership)
{
    if (cbx_person_in_room(person, membership->room) != NULL)
        return;
    person->rooms = cbx_realloc(person->rooms, sizeof(*person->rooms) * (person->rooms_len + 1));
    person->rooms[person->rooms_len++] = *membership;
    qsort(person->rooms, person->rooms_len, sizeof(*person->rooms), by_room);
}

void cbx_person_leave(cbx_person_t *person, int64_t room)
{
    cbx_membership_t *membership = cbx_person_in_room(person, room);

    if (membership == NULL)
        return;
    free(membership->counted);
    memmove(membership, membership + 1,
            sizeof(*membership) * (size_t)(person->rooms + --person->rooms_len - membership));
}

static void on_room(void *arg, const cbx_store_member_t *member)
{
    cbx_person_join(arg, &(cbx_membership_t){.room = member->room,
                                             .read_id = member->read_id,
                                             .joined_id = member->joined_id});
}

void cbx_person_set_user(cbx_person_t *person, const cbx_user_t *user)
{
    bool same = strcmp(user->username, user->display_name) == 0;
    size_t len = strlen(user->username) + 1;

    free(person->user.username);
    person->user.id = user->id;
    person->guest = user->guest;
    person->user.username = cbx_alloc(len + (same ? 0 : strlen(user->display_name) + 1));
    person->user.display_name = person->user.username + (same ? 0 : len);
    strcpy(person->user.username, user->username);
    strcpy(person->user.display_name, user->display_name);
}

cbx_user_t cbx_person_user(const cbx_person_t *person)
{
    cbx_user_t user = {.id = person->user.id, .guest = person->guest};

    snprintf(user.username, sizeof(user.username), "%s", person->user.username);
    snprintf(user.display_name, sizeof(user.display_name), "%s", person->user.display_name);
    return user;
}

static void leave_all(cbx_person_t *person)
{
    while (person->rooms_len != 0)
        free(person->rooms[--person->rooms_len].counted);
}

static void free_person(cbx_person_t *person)
{
    leave_all(person);
    free(person->user.username);
    free(person->rooms);
    free(person);
}

static cbx_err_t read_rooms(cbx_store_t *store, cbx_person_t *person)
{
    cbx_err_t err;

    leave_all(person);
    err = cbx_store_rooms_of(store, person->user.id, on_room, person);
    person->stale = err != CBX_OK;
    return err;
}

static cbx_err_t read_person(cbx_store_t *store, int64_t user_id, cbx_person_t *person)
{
    cbx_store_user_t row = {0};
    cbx_err_t err;

    if ((err = cbx_store_user(store, user_id, &row)) != CBX_OK)
        return err;
    cbx_person_set_user(person, &row.user);
    person->last_seen = row.last_seen;
    cbx_store_user_dispose(&row);
    return read_rooms(store, person);
}

cbx_person_t *cbx_people_find(const cbx_people_t *people, int64_t user_id)
{
    cbx_person_t *person;

    HASH_FIND(hh, people->persons, &user_id, sizeof(user_id), person);
    return person;
}

cbx_err_t cbx_people_load(cbx_people_t *people, cbx_store_t *store, int64_t user_id, double burst,
                          cbx_person_t **person)
{
    cbx_err_t err;

    if ((*person = cbx_people_find(people, user_id)) != NULL)
        return (*person)->stale ? read_person(store, user_id, *person) : CBX_OK;
    *person = cbx_zalloc(sizeof(**person));
    if ((err = read_person(store, user_id, *person)) != CBX_OK) {
        free_person(*person);
        *person = NULL;
        return err;
    }
    (*person)->allowance = (float)burst;
    HASH_ADD(hh, people->persons, user.id, sizeof((*person)->user.id), *person);
    return CBX_OK;
}

static void forget(cbx_people_t *people, cbx_person_t *person)
{
    HASH_DEL(people->persons, person); /* NOLINT(clang-analyzer-unix.Malloc): not the one freed before */
    free_person(person);
}

void cbx_people_forget(cbx_people_t *people, int64_t user_id)
{
    cbx_person_t *person = cbx_people_find(people, user_id);

    if (person == NULL)
        return;
    CBX_ASSERT(person->seats == NULL && !person->online && !person->is_coming && !person->is_leaving);
    forget(people, person);
}

void cbx_people_sweep(cbx_people_t *people, double rate, double burst, int64_t now)
{
    cbx_person_t *person, *tmp;

    HASH_ITER(hh, people->persons, person, tmp) {
        if (person->seats == NULL && !person->online && !person->left &&
            (rate == 0 || (double)(now - person->allowance_at) / 1000 * rate > burst))
            forget(people, person);
    }
}

void cbx_people_dispose(cbx_people_t *people)
{
    cbx_person_t *person, *tmp;

    cbx_seat_t *seat;

    while ((seat = cbx_seats_first(&people->seats)) != NULL)
        cbx_people_stand(people, seat->session, 0);
    cbx_seats_dispose(&people->seats);
    HASH_ITER(hh, people->persons, person, tmp) {
        forget(people, person);
    }
}

static void come(cbx_people_t *people, cbx_person_t *person)
{
    if (person->online)
        return;
    person->online = true;
    ++people->online;
    if (person->is_coming)
        return;
    person->is_coming = true;
    person->next_coming = people->coming;
    people->coming = person;
}

static void queue_leaving(cbx_people_t *people, cbx_person_t *person)
{
    person->is_leaving = true;
    person->queued_at = person->gone_at;
    person->next_leaving = NULL;
    if (people->leaving == NULL)
        people->leaving = person;
    else
        people->leaving_last->next_leaving = person;
    people->leaving_last = person;
}

static void leave(cbx_people_t *people, cbx_person_t *person, int64_t now)
{
    person->gone_at = now;
    if (!person->is_leaving)
        queue_leaving(people, person);
}

cbx_person_t *cbx_people_next_came(cbx_people_t *people)
{
    cbx_person_t *person = people->coming;

    if (person != NULL) {
        people->coming = person->next_coming;
        person->is_coming = false;
    }
    return person;
}

cbx_person_t *cbx_people_next_left(cbx_people_t *people, int64_t grace, int64_t now)
{
    for (cbx_person_t *person; (person = people->leaving) != NULL;) {
        if (person->seats == NULL && person->gone_at == person->queued_at && now - person->gone_at < grace &&
            !person->released)
            return NULL;
        people->leaving = person->next_leaving;
        person->is_leaving = false;
        if (person->seats != NULL)
            continue; /* is back */
        if (person->gone_at != person->queued_at) {
            queue_leaving(people, person); /* was back, and left again */
            continue;
        }
        person->online = false;
        --people->online;
        return person;
    }
    return NULL;
}

cbx_seat_t *cbx_people_sit(cbx_people_t *people, cbx_person_t *person, uint64_t session, const char *jti)
{
    cbx_seat_t *seat = cbx_zalloc(sizeof(*seat));

    seat->session = session;
    seat->person = person;
    cbx_token_pack_id(seat->jti, jti);
    seat->next = person->seats;
    person->seats = seat;
    come(people, person);
    cbx_seats_add(&people->seats, seat);
    return seat;
}

cbx_person_t *cbx_people_stand(cbx_people_t *people, uint64_t session, int64_t now)
{
    cbx_seat_t *seat = cbx_seats_find(&people->seats, session), **at;
    cbx_person_t *person;

    if (seat == NULL)
        return NULL;
    person = seat->person;
    for (at = &person->seats; *at != seat; at = &(*at)->next)
        ;
    *at = seat->next;
    cbx_seats_remove(&people->seats, seat);
    free(seat);
    if (person->seats != NULL)
        return NULL;
    leave(people, person, now);
    return person;
}

cbx_membership_t *cbx_person_in_room(const cbx_person_t *person, int64_t room)
{
    for (size_t i = 0; i != person->rooms_len; ++i)
        if (person->rooms[i].room == room)
            return &person->rooms[i];
    return NULL;
}

double cbx_person_spend(cbx_person_t *person, double rate, double burst, int64_t now)
{
    if (rate == 0)
        return 0;
    person->allowance += (float)((double)(now - person->allowance_at) / 1000 * rate);
    person->allowance_at = now;
    if (person->allowance > burst)
        person->allowance = (float)burst;
    if (person->allowance < 1)
        return (1 - person->allowance) / rate;
    --person->allowance;
    return 0;
}
