/* pages.c -- a table in which each key has one place: what was there before goes. */
#include "http/pages.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum {
    PLACES = 256,        /* pages: of the rooms that are busy now */
    BYTES_MAX = 64 << 10 /* of one; so 16 MB at most. 50 short messages have 10 KB */
};

struct cbx_pages {
    pthread_mutex_t lock;
    struct place {
        cbx_page_key_t key;
        int64_t rev;
        cbx_frame_t *frame;
    } places[PLACES];
};

cbx_pages_t *cbx_pages_create(void)
{
    cbx_pages_t *pages = cbx_zalloc(sizeof(*pages));

    pthread_mutex_init(&pages->lock, NULL);
    return pages;
}

void cbx_pages_forget(cbx_pages_t *pages)
{
    pthread_mutex_lock(&pages->lock);
    for (size_t i = 0; i != PLACES; ++i) {
        cbx_frame_unref(pages->places[i].frame);
        pages->places[i].frame = NULL;
    }
    pthread_mutex_unlock(&pages->lock);
}

void cbx_pages_free(cbx_pages_t *pages)
{
    if (pages == NULL)
        return;
    cbx_pages_forget(pages);
    pthread_mutex_destroy(&pages->lock);
    free(pages);
}

/* Fibonacci hashing: neighbours in room or id do not share a place */
static struct place *place_of(cbx_pages_t *pages, const cbx_page_key_t *key)
{
    uint64_t mixed = (uint64_t)key->room;

    mixed = mixed * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)key->id;
    mixed = mixed * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)(key->kind << 8 | key->limit);
    return &pages->places[(mixed * UINT64_C(0x9e3779b97f4a7c15)) >> 56];
}

static bool is_key(const cbx_page_key_t *a, const cbx_page_key_t *b)
{
    return a->room == b->room && a->id == b->id && a->kind == b->kind && a->limit == b->limit;
}

cbx_frame_t *cbx_pages_find(cbx_pages_t *pages, const cbx_page_key_t *key, int64_t rev)
{
    struct place *place = place_of(pages, key);
    cbx_frame_t *frame = NULL;

    pthread_mutex_lock(&pages->lock);
    if (place->frame != NULL && place->rev == rev && is_key(&place->key, key))
        frame = cbx_frame_ref(place->frame);
    pthread_mutex_unlock(&pages->lock);
    return frame;
}

void cbx_pages_keep(cbx_pages_t *pages, const cbx_page_key_t *key, int64_t rev, cbx_frame_t *frame)
{
    struct place *place = place_of(pages, key);
    cbx_frame_t *before;

    if (frame->len > BYTES_MAX)
        return;
    pthread_mutex_lock(&pages->lock);
    before = place->frame;
    *place = (struct place){*key, rev, cbx_frame_ref(frame)};
    pthread_mutex_unlock(&pages->lock);
    cbx_frame_unref(before);
}
