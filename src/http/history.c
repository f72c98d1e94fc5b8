/* history.c -- pages of a room's past. */
#include "http/reading.h"

/* GET /api/rooms/{room}/messages: which page? -> a reader: in the room? -> rev and page of one snapshot ->
 * 200 */

struct page {
    cbx_reading_t reading;
    int64_t room;
    cbx_page_kind_t kind;
    int64_t id;
    int limit;
};

static cbx_err_t on_read(cbx_reading_t *reading, cbx_store_t *store, cbx_json_t *json);

static cbx_err_t choose(struct page *page, int64_t before, int64_t after, int64_t around)
{
    if ((before != -1) + (after != -1) + (around != -1) > 1)
        return CBX_ERR_BAD_FRAME;
    page->kind = before != -1   ? CBX_PAGE_BEFORE
                 : after != -1  ? CBX_PAGE_AFTER
                 : around != -1 ? CBX_PAGE_AROUND
                                : CBX_PAGE_NEWEST;
    page->id = before != -1 ? before : after != -1 ? after : around;
    return CBX_OK;
}

static cbx_err_t read_query(cbx_slice_t query, struct page *page)
{
    int64_t before, after, around, limit;
    const cbx_parameter_t parameters[] = {
        {"before", &before}, {"after", &after}, {"around", &around}, {"limit", &limit}, {NULL, NULL}};
    cbx_err_t err = cbx_query_read(query, parameters);

    if (err != CBX_OK)
        return err;
    if (limit == 0 || limit > CBX_PAGE_MAX)
        return CBX_ERR_BAD_FRAME;
    page->limit = limit == -1 ? CBX_PAGE_DEFAULT : (int)limit;
    return choose(page, before, after, around);
}

cbx_err_t cbx_call_history(cbx_call_t *call)
{
    struct page query = {.room = call->room}, *page;

    if (read_query(call->query, &query) != CBX_OK) {
        call->detail = "One of before, after and around, with the id of a message; limit from 1 to 200";
        return CBX_ERR_BAD_FRAME;
    }
    page = cbx_alloc(sizeof(*page));
    *page = query;
    page->reading.read = on_read;
    return cbx_reading_submit(call, &page->reading);
}

static void on_message(void *json, const cbx_message_t *message)
{
    cbx_put_message(json, message);
}

static cbx_err_t put_page(const struct page *page, cbx_store_t *store, cbx_json_t *json, int64_t rev)
{
    bool more = false;
    cbx_err_t err;

    cbx_json_open(json);
    cbx_json_put_int(json, "room", page->room);
    cbx_json_put_int(json, "rev", rev);
    cbx_json_key(json, "messages");
    cbx_json_open_list(json);
    err = cbx_store_page(store, page->room, page->kind, page->id, page->limit, on_message, json, &more);
    cbx_json_close_list(json);
    cbx_json_put_bool(json, "more", more);
    cbx_json_close(json);
    return err;
}

/* who is not in a room learns no more than who asks for one that is not there */
static cbx_err_t on_read(cbx_reading_t *reading, cbx_store_t *store, cbx_json_t *json)
{
    const struct page *page = (const struct page *)reading;
    bool member = false;
    int64_t rev;
    cbx_err_t err;

    if ((err = cbx_store_is_member(store, page->room, reading->token.user_id, &member)) != CBX_OK)
        return err;
    if (!member)
        return CBX_ERR_NOT_FOUND;
    if ((err = cbx_store_room_rev(store, page->room, &rev)) == CBX_OK)
        err = put_page(page, store, json, rev);
    return err;
}
