/* history.c -- pages of a room's past. */
#include "base/memory.h"
#include "http/pages.h"
#include "http/reading.h"

/* GET /api/rooms/{room}/messages: which page? -> a reader: in the room? -> its rev -> the page, as it was
 * read before at that rev, or from the same snapshot -> 200 */

/* What a page takes for each of its bytes: a buffer, up to twice as large, which grows by being copied, or in
 * the end the copy that is sent. It asks for that in steps, so that a short one needs no more than it has. */
enum { COPIES = 3, STEP_BYTES = 65536 };

struct page {
    cbx_reading_t reading;
    cbx_page_key_t key;
    cbx_pages_t *pages;
    cbx_json_t *json;
    size_t kept; /* bytes of memory that are counted for it */
    bool refused;
};

static cbx_err_t on_read(cbx_reading_t *reading, cbx_store_t *store, cbx_json_t *json);

static cbx_err_t choose(cbx_page_key_t *key, int64_t before, int64_t after, int64_t around)
{
    if ((before != -1) + (after != -1) + (around != -1) > 1)
        return CBX_ERR_BAD_FRAME;
    key->kind = before != -1   ? CBX_PAGE_BEFORE
                : after != -1  ? CBX_PAGE_AFTER
                : around != -1 ? CBX_PAGE_AROUND
                               : CBX_PAGE_NEWEST;
    key->id = before != -1 ? before : after != -1 ? after : around;
    return CBX_OK;
}

static cbx_err_t read_query(cbx_slice_t query, cbx_page_key_t *key)
{
    int64_t before, after, around, limit;
    const cbx_parameter_t parameters[] = {
        {"before", &before}, {"after", &after}, {"around", &around}, {"limit", &limit}, {NULL, NULL}};
    cbx_err_t err = cbx_query_read(query, parameters);

    if (err != CBX_OK)
        return err;
    if (limit == 0 || limit > CBX_PAGE_MAX)
        return CBX_ERR_BAD_FRAME;
    key->limit = limit == -1 ? CBX_PAGE_DEFAULT : (int)limit;
    return choose(key, before, after, around);
}

cbx_err_t cbx_call_history(cbx_call_t *call)
{
    cbx_page_key_t key = {.room = call->room};
    struct page *page;

    if (read_query(call->query, &key) != CBX_OK) {
        call->detail = "One of before, after and around, with the id of a message; limit from 1 to 200";
        return CBX_ERR_BAD_FRAME;
    }
    page = cbx_zalloc(sizeof(*page));
    page->key = key;
    page->pages = call->local->pages;
    page->reading.read = on_read;
    return cbx_reading_submit(call, &page->reading);
}

static bool has_room(struct page *page)
{
    size_t len, more;

    cbx_json_bytes(page->json, &len);
    if (COPIES * len <= page->kept)
        return true;
    more = COPIES * len - page->kept + STEP_BYTES;
    if (!cbx_memory_has_room(page->kept, more))
        return false;
    cbx_memory_keep(more);
    page->kept += more;
    return true;
}

static void on_message(void *arg, const cbx_message_t *message)
{
    struct page *page = arg;

    if (!page->refused && !(page->refused = !has_room(page)))
        cbx_put_message(page->json, message);
}

static cbx_err_t put_page(struct page *page, cbx_store_t *store, cbx_json_t *json, int64_t rev)
{
    const cbx_page_key_t *key = &page->key;
    bool more = false;
    cbx_err_t err;

    cbx_json_open(json);
    cbx_json_put_int(json, "room", key->room);
    cbx_json_put_int(json, "rev", rev);
    cbx_json_key(json, "messages");
    cbx_json_open_list(json);
    err = cbx_store_page(store, key->room, (cbx_page_kind_t)key->kind, key->id, key->limit, on_message, page,
                         &more);
    cbx_json_close_list(json);
    cbx_json_put_bool(json, "more", more);
    cbx_json_close(json);
    return page->refused ? CBX_ERR_OVERLOADED : err;
}

static cbx_err_t answer(struct page *page, cbx_store_t *store, cbx_json_t *json, int64_t rev)
{
    cbx_err_t err;

    if ((page->reading.answer = cbx_pages_find(page->pages, &page->key, rev)) != NULL)
        return CBX_OK;
    page->json = json;
    if ((err = put_page(page, store, json, rev)) == CBX_OK) {
        cbx_reading_answer(&page->reading, json);
        cbx_pages_keep(page->pages, &page->key, rev, page->reading.answer);
    }
    cbx_memory_drop(page->kept);
    return err;
}

/* who is not in a room learns no more than who asks for one that is not there */
static cbx_err_t on_read(cbx_reading_t *reading, cbx_store_t *store, cbx_json_t *json)
{
    struct page *page = (struct page *)reading;
    bool member = false;
    int64_t rev;
    cbx_err_t err;

    if ((err = cbx_store_is_member(store, page->key.room, reading->token.user_id, &member)) != CBX_OK)
        return err;
    if (!member)
        return CBX_ERR_NOT_FOUND;
    if ((err = cbx_store_room_rev(store, page->key.room, &rev)) == CBX_OK)
        err = answer(page, store, json, rev);
    return err;
}
