/* fuzz_core.c -- any bytes as what some people do, one after the other or within one transaction.
 *
 * Three users with two connections each say hello, write, change, take back, read, type, make rooms, come in
 * and go out, hang up, log out; now and then a transaction fails. The core is the real one on a database in
 * memory, one step at a time (its readers have threads, and are waited for). Held here:
 *
 * - a room's events have every rev once, in order, and a transaction that failed leaves none;
 * - a cid is stored once, and each ack of it names the same message;
 * - a history is what the store says of that room, byte by byte: the changes behind what the client has, or
 *   the newest page;
 * - who hears a room is a member of it, and hears none from which he was taken; marks only rise;
 * - in the end the store, and the memory of the core, say the same.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "chat/state.h"

enum { USERS = 3, SLOTS = 6, ROOMS = 24, CIDS = 16, OPS_MAX = 96, MUCH_MAX = 20, PEOPLE_MAX = 64 };

static struct world {
    uv_loop_t loop;
    cbx_settings_t settings;
    cbx_pool_t *pool;
    cbx_store_t *store;
    cbx_readers_t *readers;
    cbx_core_t *core;
    cbx_mailbox_t home, outlet;
    cbx_json_t *json;
    unsigned tokens; /* given, ever */
    unsigned much;
    struct user {
        int64_t id; /* 0: nobody */
        char name[8], jti[CBX_JTI_LEN + 1];
    } users[USERS];
    struct slot {
        uint64_t session, count;
        int64_t user_id;
        bool greeted, welcomed, closed;
        bool hears[ROOMS];
        int64_t since[ROOMS]; /* of its last hello; -1: none that counts */
        int64_t revs[ROOMS];  /* what it has */
    } slots[SLOTS];
    int64_t revs[ROOMS], marks[ROOMS][PEOPLE_MAX];
    int64_t acks[PEOPLE_MAX][CIDS];
} world;

/* what is left of the input */
struct script {
    const uint8_t *at, *end;
};

static unsigned next_byte(struct script *s)
{
    return s->at != s->end ? *s->at++ : 0;
}

static struct slot *slot_of(uint64_t session)
{
    for (size_t i = 0; i != SLOTS; ++i)
        if (world.slots[i].session == session && session != 0)
            return &world.slots[i];
    return NULL;
}

static struct user *user_of(const struct slot *slot)
{
    return &world.users[(slot - world.slots) % USERS];
}

/* -- what the core says -- */

static void on_stored(void *json, const cbx_message_t *m)
{
    cbx_put_message(json, m);
}

/* the messages of a history as the store has them, `[...]`; the bytes last until the next */
static const char *stored_messages(int64_t room, int64_t since, size_t *len)
{
    bool more;

    cbx_json_begin(world.json);
    cbx_json_open_list(world.json);
    if (since >= 0)
        MUST(cbx_store_changes(world.store, room, since, 10000, on_stored, world.json) == CBX_OK);
    else
        MUST(cbx_store_page(world.store, room, CBX_PAGE_NEWEST, 0, CBX_PAGE_DEFAULT, on_stored, world.json,
                            &more) == CBX_OK);
    cbx_json_close_list(world.json);
    return cbx_json_bytes(world.json, len);
}

static void must_be_stored(const char *text, size_t len, int64_t room, int64_t since)
{
    static const char key[] = "\"messages\":";
    const char *messages = memmem(text, len, key, sizeof(key) - 1), *wanted;
    size_t wanted_len;

    MUST(messages != NULL);
    messages += sizeof(key) - 1;
    wanted = stored_messages(room, since, &wanted_len);
    MUST((size_t)(text + len - 1 - messages) == wanted_len && memcmp(messages, wanted, wanted_len) == 0);
}

static void count_stored(void *n, const cbx_message_t *m)
{
    (void)m;
    ++*(size_t *)n;
}

/* the newest page instead of changes, only where they are too many */
static void must_be_many(int64_t room, int64_t since)
{
    size_t n = 0;

    MUST(cbx_store_changes(world.store, room, since, 10000, count_stored, &n) == CBX_OK);
    MUST(n > CBX_RESUME_MAX);
}

static void on_history(struct slot *slot, const cbx_row_t *row, const char *text, size_t len)
{
    int64_t room, rev, now, since = row->asked ? slot->since[row->room] : -1;

    MUST(sscanf(text, "{\"type\":\"history\",\"room\":%" SCNd64 ",\"rev\":%" SCNd64, &room, &rev) == 2);
    MUST(room == row->room);
    MUST(cbx_store_room_rev(world.store, room, &now) == CBX_OK && rev <= now);
    slot->revs[room] = rev;
    if (rev != now)
        return; /* more was written within the same transaction */
    if (since >= 0 && since <= rev && strstr(text, "\"reset\":true,\"more\"") != NULL) {
        must_be_many(room, since);
        since = -1;
    }
    must_be_stored(text, len, room, since > rev ? -1 : since);
}

static void on_event(const cbx_row_t *row, const char *text)
{
    char type[16], name[40];
    int64_t room, number;

    if (sscanf(text, "{\"type\":\"read\",\"room\":%" SCNd64 ",\"username\":\"%39[^\"]\",\"id\":%" SCNd64,
               &room, name, &number) == 3) {
        cbx_store_user_t user = {0};
        MUST(room == row->room);
        if (cbx_store_user_by_name(world.store, name, &user) == CBX_OK && user.user.id < PEOPLE_MAX) {
            MUST(number > world.marks[room][user.user.id]);
            world.marks[room][user.user.id] = number;
        }
        cbx_store_user_dispose(&user);
    } else if (sscanf(text, "{\"type\":\"%15[a-z]\",\"room\":%" SCNd64 ",\"rev\":%" SCNd64, type, &room,
                      &number) == 3) {
        MUST(room == row->room && number == world.revs[room] + 1);
        world.revs[room] = number;
        for (size_t i = 0; i != SLOTS; ++i)
            if (world.slots[i].hears[room])
                world.slots[i].revs[room] = number;
    }
}

static void on_answer(const struct slot *slot, const char *text)
{
    unsigned cid;
    int64_t id, rev, *first;

    if (sscanf(text, "{\"type\":\"ack\",\"cid\":\"c%u\",\"id\":%" SCNd64 ",\"rev\":%" SCNd64, &cid, &id,
               &rev) != 3 ||
        slot->user_id >= PEOPLE_MAX)
        return;
    first = &world.acks[slot->user_id][cid];
    /* who hung up before his first ack has none to compare */
    MUST(*first == 0 || (*first == id && strstr(text, "\"dup\":true") != NULL));
    *first = id;
}

static void on_row(const cbx_row_t *row)
{
    struct slot *slot = slot_of(row->session);
    size_t len = 0;
    const char *payload = row->frame != NULL ? (const char *)cbx_frame_payload(row->frame, &len) : "";
    char *text = memcpy(malloc(len + 1), payload, len);

    text[len] = '\0';
    MUST(row->room < ROOMS);
    if (row->kind == CBX_ROW_ROOM && row->room != CBX_EVERYBODY)
        on_event(row, text);
    if (slot != NULL && row->kind == CBX_ROW_WELCOME)
        slot->welcomed = true;
    if (slot != NULL && row->kind == CBX_ROW_SESSION)
        on_answer(slot, text);
    if (slot != NULL && row->kind == CBX_ROW_CLOSE)
        slot->closed = true;
    if (slot != NULL && row->kind == CBX_ROW_JOIN) {
        on_history(slot, row, text, len);
        slot->hears[row->room] = true;
    }
    if (slot != NULL && row->kind == CBX_ROW_PART)
        slot->hears[row->room] = false;
    free(text);
}

static void on_core_batch(cbx_batch_t *batch, void *arg)
{
    (void)arg;
    for (size_t i = 0; i != batch->len; ++i)
        on_row(&batch->rows[i]);
    cbx_batch_unref(batch);
}

/* who hears is in the room, and who is there hears */
static void must_hear_theirs(void)
{
    for (size_t i = 0; i != SLOTS; ++i) {
        const struct slot *slot = &world.slots[i];
        for (int64_t room = 1; room <= 1 + world.revs[0] && slot->welcomed && !slot->closed; ++room) {
            bool member = false;
            MUST(cbx_store_is_member(world.store, room, slot->user_id, &member) == CBX_OK);
            MUST(member == slot->hears[room]);
        }
    }
}

/* all that waits is done */
static void run_all(void)
{
    do {
        uv_run(&world.loop, UV_RUN_NOWAIT);
        cbx_mailbox_deliver(&world.outlet, NULL);
        cbx_mailbox_deliver(&world.home, NULL);
    } while (world.core->waiting != NULL || world.core->away != 0 || world.core->mailbox.count != 0);
    cbx_core_set_storage_ok(world.core, true);
    world.core->failed = false;
    must_hear_theirs();
}

/* -- what people do -- */

static cbx_str_t str_of(const char *text)
{
    return (cbx_str_t){cbx_strdup(text), strlen(text)};
}

static void submit_as(struct slot *slot, cbx_command_t *cmd)
{
    cmd->session = slot->session;
    if (!slot->greeted)
        cbx_command_free(cmd); /* the worker would have closed the connection */
    else
        MUST(cbx_core_submit(world.core, cmd) == CBX_OK);
}

static void hang_up(struct slot *slot)
{
    cbx_command_t *cmd = cbx_command_new(CBX_CMD_GONE);

    submit_as(slot, cmd);
    slot->greeted = slot->welcomed = slot->closed = false;
    slot->session = cbx_session_number(0, ++slot->count, (uint32_t)(slot - world.slots));
    memset(slot->hears, 0, sizeof(slot->hears));
}

/* `how`: without since, with what it has, with any, and that in an epoch that is not; 4: nobody waits for the
 * answer, so more may be written while a reader reads */
static void say_hello(struct slot *slot, unsigned how, unsigned any)
{
    struct user *user = user_of(slot);
    cbx_command_t *cmd;

    run_all();
    if (slot->closed || (slot->greeted && slot->user_id != user->id))
        hang_up(slot);
    cmd = cbx_command_new(CBX_CMD_HELLO);
    cmd->user_id = slot->user_id = user->id;
    memcpy(cmd->jti, user->jti, sizeof(cmd->jti));
    cmd->req.epoch = str_of(how % 4 == 3 ? "nowhere" : cbx_store_epoch(world.store));
    cmd->req.since.list = cbx_zalloc(ROOMS * sizeof(*cmd->req.since.list));
    for (int64_t room = 0; room != ROOMS; ++room) {
        int64_t since = how % 4 == 1 ? slot->revs[room] : how % 4 == 0 ? -1 : (int64_t)(any % 40);
        slot->since[room] = how % 4 == 3 ? -1 : since;
        if (since >= 0 && room != 0)
            cmd->req.since.list[cmd->req.since.len++] = (struct cbx_pair){room, since};
    }
    slot->greeted = true;
    submit_as(slot, cmd);
    if ((how & 4) == 0)
        run_all();
}

static void say(struct slot *slot, cbx_command_type_t type, int64_t room, int64_t id, unsigned cid,
                const char *text)
{
    cbx_command_t *cmd = cbx_command_new(type);
    char name[8];

    snprintf(name, sizeof(name), type == CBX_CMD_MESSAGE ? "c%u" : "e%u", cid % CIDS);
    cmd->req = (cbx_request_t){.room = room, .id = id};
    if (type != CBX_CMD_TYPING && type != CBX_CMD_READ)
        cmd->req.cid = str_of(name);
    if (text != NULL)
        cmd->req.text = str_of(text);
    submit_as(slot, cmd);
}

/* more than memory keeps, so that readers are asked */
static void say_much(struct slot *slot, int64_t room)
{
    cbx_command_t *cmd;

    if (world.much++ >= MUCH_MAX)
        return;
    for (unsigned i = 0; i != 60; ++i) {
        char cid[24];
        cmd = cbx_command_new(CBX_CMD_MESSAGE);
        cmd->req = (cbx_request_t){.room = room};
        snprintf(cid, sizeof(cid), "m%u", ++world.tokens);
        cmd->req.cid = str_of(cid);
        cmd->req.text = str_of("much");
        submit_as(slot, cmd);
    }
}

static void on_done(cbx_command_t *cmd, void *arg)
{
    (void)arg;
    if (cmd->type == CBX_CMD_GUEST && cmd->err == CBX_OK) {
        world.users[cmd->pending].id = cmd->user.id;
        memcpy(world.users[cmd->pending].jti, cmd->account.jti, sizeof(cmd->account.jti));
    }
    cbx_command_free(cmd);
}

/* a request of that user, about another, or a room */
static cbx_command_t *request_of(unsigned who, cbx_command_type_t type, int64_t room, unsigned other)
{
    cbx_command_t *cmd = cbx_command_new(type);
    const struct user *user = &world.users[who % USERS];

    cmd->home = &world.home;
    cmd->done = on_done;
    cmd->pending = who % USERS;
    cmd->user_id = user->id;
    memcpy(cmd->jti, user->jti, sizeof(cmd->jti));
    cmd->req.room = room;
    cmd->page.limit = 1 + (int)other % 5;
    if (other % (USERS + 1) != USERS)
        snprintf(cmd->account.username, sizeof(cmd->account.username), "%s",
                 world.users[other % (USERS + 1)].name);
    return cmd;
}

static void ask(cbx_command_t *cmd)
{
    MUST(cbx_core_submit(world.core, cmd) == CBX_OK);
}

static void ask_for_name(unsigned who)
{
    cbx_command_t *cmd = request_of(who, CBX_CMD_GUEST, 0, who % USERS);

    snprintf(cmd->account.jti, sizeof(cmd->account.jti), "%032x", ++world.tokens);
    cmd->account.expires_at = CBX_ID_MAX - 1;
    ask(cmd);
    run_all();
}

static void ask_for_room(unsigned who, cbx_command_type_t type, int64_t room, unsigned any)
{
    cbx_command_t *cmd = request_of(who, type, room, 0);
    char name[16];

    if (world.revs[0] + 2 == ROOMS && type != CBX_CMD_EDIT_ROOM) {
        cbx_command_free(cmd); /* enough of them */
        return;
    }
    world.revs[0] += type == CBX_CMD_CREATE; /* nobody's room: counts those that were asked for */
    snprintf(name, sizeof(name), "room %u", any % 8);
    cmd->room.kind = any & 8 ? CBX_ROOM_PRIVATE : CBX_ROOM_PUBLIC;
    cmd->room.name = cbx_strdup(name);
    cmd->room.topic = cbx_strdup("");
    ask(cmd);
}

static void ask_for_direct(unsigned who, unsigned other)
{
    if (world.revs[0] + 2 == ROOMS)
        return;
    ++world.revs[0];
    ask(request_of(who, CBX_CMD_DIRECT, 0, other));
}

static void do_one(struct script *s)
{
    unsigned op = next_byte(s), who = next_byte(s), a = next_byte(s), b = next_byte(s);
    struct slot *slot = &world.slots[who % SLOTS];
    int64_t room = a % 6;
    char text[16];

    snprintf(text, sizeof(text), "text %u", b % 4);
    switch (op % 20) {
    case 0:
        say_hello(slot, a, b);
        break;
    case 1:
        hang_up(slot);
        break;
    case 2:
        say(slot, CBX_CMD_MESSAGE, room, -1, b, text);
        break;
    case 3:
        say(slot, CBX_CMD_EDIT, -1, a, b, text);
        break;
    case 4:
        say(slot, CBX_CMD_DELETE, -1, a, b, NULL);
        break;
    case 5:
        say(slot, CBX_CMD_READ, room, b, 0, NULL);
        break;
    case 6:
        say(slot, CBX_CMD_TYPING, room, -1, 0, NULL);
        break;
    case 7:
        run_all();
        break;
    case 8:
        ask_for_room(who, CBX_CMD_CREATE, 0, b);
        break;
    case 9:
        ask_for_room(who, CBX_CMD_EDIT_ROOM, room, b);
        break;
    case 10:
        ask_for_direct(who, b);
        break;
    case 11:
        ask(request_of(who, CBX_CMD_JOIN, room, b));
        break;
    case 12:
        ask(request_of(who, CBX_CMD_LEAVE, room, b));
        break;
    case 13:
        ask(request_of(who, CBX_CMD_ROOMS, 0, b));
        break;
    case 14:
        ask(request_of(who, CBX_CMD_MEMBERS, room, b));
        break;
    case 15:
        ask(request_of(who, CBX_CMD_LOGOUT, 0, b));
        break;
    case 16:
        ask_for_name(who);
        break;
    case 17:
        say_much(slot, room);
        break;
    case 18:
        run_all();
        world.core->failed = true;
        break; /* the transaction to come */
    default:
        say(slot, CBX_CMD_MESSAGE, 1, -1, a, text);
        break;
    }
}

/* -- beginning and end -- */

static void nobody_wakes_core(void *arg)
{
    (void)arg;
}

static void world_begin(void)
{
    char why[256];

    if (world.pool == NULL) {
        cbx_log_to(open("/dev/null", O_WRONLY | O_CLOEXEC)); /* each failure has a line */
        world.pool = cbx_pool_create(2);
        world.json = cbx_json_create();
        uv_loop_init(&world.loop);
        cbx_mailbox_init(&world.home, nobody_wakes_core, NULL);
        cbx_mailbox_init(&world.outlet, nobody_wakes_core, NULL);
        world.settings = (cbx_settings_t){.guests = true, .token_lifetime = 1, .message_limit = 64};
    }
    world.tokens = world.much = 0;
    memset(world.users, 0, sizeof(world.users));
    memset(world.slots, 0, sizeof(world.slots));
    memset(world.revs, 0, sizeof(world.revs));
    memset(world.marks, 0, sizeof(world.marks));
    memset(world.acks, 0, sizeof(world.acks));
    MUST((world.store = cbx_store_open(":memory:", false, why, sizeof(why))) != NULL);
    world.readers = cbx_readers_create(world.store, 2);
    MUST((world.core =
              cbx_core_create(&world.loop, &world.settings, world.store, world.pool, world.readers)) != NULL);
    cbx_core_add_outlet(world.core, &world.outlet, on_core_batch, NULL);
    for (unsigned i = 0; i != USERS; ++i)
        snprintf(world.users[i].name, sizeof(world.users[i].name), "u%u", i);
    for (unsigned i = 0; i != SLOTS; ++i)
        world.slots[i].session = cbx_session_number(0, ++world.slots[i].count, i);
    for (unsigned i = 0; i != USERS; ++i)
        ask_for_name(i);
}

/* a newcomer who wants everything gets everything, once from the core and once from the store */
static void must_agree(void)
{
    for (size_t i = 0; i != SLOTS; ++i)
        say_hello(&world.slots[i], i % 2 == 0 ? 1 : 2, 0);
    for (int64_t room = 1; room != ROOMS; ++room) {
        const cbx_room_t *known = cbx_core_room(world.core, room);
        int64_t rev = 0;
        cbx_err_t err = cbx_store_room_rev(world.store, room, &rev);
        MUST((known != NULL) == (err == CBX_OK));
        MUST(known == NULL || !known->loaded || known->rev == rev);
        MUST(rev == world.revs[room]);
    }
}

static void world_end(void)
{
    for (size_t i = 0; i != SLOTS; ++i)
        hang_up(&world.slots[i]);
    run_all();
    cbx_core_free(world.core);
    cbx_mailbox_deliver(&world.outlet, NULL);
    cbx_mailbox_deliver(&world.home, NULL);
    cbx_readers_free(world.readers);
    cbx_store_close(world.store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {data, data + size};

    world_begin();
    for (unsigned i = 0; i != OPS_MAX && script.at != script.end; ++i)
        do_one(&script);
    must_agree();
    world_end();
    return 0;
}
