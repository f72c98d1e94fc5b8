/* account.c -- names and sessions: who may have which, decided by the one thread that can.
 *
 * A name belongs to one user at a time. An account keeps it; a guest keeps it while online, for 24 h after,
 * or until logout, and whoever takes it then is a new user. Whether a password is right was found out
 * in the pool (http/accounts.c).
 */
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "chat/state.h"
#include "wire/token.h"

/* -- names -- */

/* does the request carry a good session of this user? */
static bool is_caller(cbx_core_t *core, const cbx_command_t *cmd, int64_t user_id)
{
    int64_t owner;

    return cmd->user_id == user_id && cbx_store_session(core->store, cmd->jti, &owner) == CBX_OK &&
           owner == user_id;
}

/* may somebody else have the name that this guest holds? */
static bool has_lapsed(const cbx_core_t *core, const cbx_store_user_t *guest)
{
    const cbx_person_t *person = cbx_people_find(&core->people, guest->user.id);

    if (person != NULL && (person->online || person->left))
        return false;
    return core->now - guest->last_seen > CBX_NAME_KEPT_MS;
}

/* The guest's name is free, his sessions end, and he is in no room any more; what he wrote stays. */
static cbx_err_t release(cbx_core_t *core, int64_t user_id)
{
    cbx_person_t *person;
    cbx_err_t err;

    if ((err = cbx_people_load(&core->people, core->store, user_id, core->burst, &person)) != CBX_OK ||
        (err = cbx_core_writing(core)) != CBX_OK ||
        (err = cbx_store_release_name(core->store, user_id)) != CBX_OK ||
        (err = cbx_store_close_sessions(core->store, user_id, NULL)) != CBX_OK)
        return err;
    while (person->rooms_len != 0 && err == CBX_OK)
        err = cbx_core_part(core, cbx_core_room(core, person->rooms[0].room), person);
    person->released = true;
    return err;
}

/* makes a user of this name, or says who has it: CBX_ERR_NAME_TAKEN and `*holder` */
static cbx_err_t take_name(cbx_core_t *core, cbx_command_t *cmd, const char *hash, cbx_store_user_t *holder)
{
    cbx_account_t *account = &cmd->account;
    cbx_err_t err = cbx_store_user_by_name(core->store, account->username, holder);

    if (err == CBX_OK &&
        (holder->password_hash != NULL || is_caller(core, cmd, holder->user.id) || !has_lapsed(core, holder)))
        return CBX_ERR_NAME_TAKEN;
    if (err == CBX_OK && (err = release(core, holder->user.id)) != CBX_OK)
        return err;
    if (err != CBX_OK && err != CBX_ERR_NOT_FOUND)
        return err;
    cmd->user.guest = hash == NULL;
    memcpy(cmd->user.username, account->username, sizeof(cmd->user.username));
    memcpy(cmd->user.display_name, account->display_name, sizeof(cmd->user.display_name));
    if ((err = cbx_core_writing(core)) != CBX_OK)
        return err;
    if ((err = cbx_store_add_user(core->store, &cmd->user, hash, core->now)) == CBX_OK)
        ++cbx_core_room(core, CBX_GENERAL)->members;
    return err;
}

static cbx_err_t open_session(cbx_core_t *core, const cbx_command_t *cmd)
{
    cbx_err_t err;

    if ((err = cbx_core_writing(core)) != CBX_OK)
        return err;
    return cbx_store_open_session(core->store, cmd->account.jti, cmd->user.id, cmd->account.expires_at);
}

/* -- the commands -- */

static void tell_user(cbx_core_t *core, const cbx_user_t *user)
{
    cbx_json_begin(core->json);
    cbx_json_open(core->json);
    cbx_json_put_text(core->json, "type", "user");
    cbx_json_key(core->json, "user");
    cbx_put_user(core->json, user);
    cbx_json_close(core->json);
    cbx_core_tell(core, CBX_ROW_ROOM, CBX_EVERYBODY);
}

static cbx_err_t upgrade(cbx_core_t *core, cbx_command_t *cmd, const cbx_store_user_t *guest)
{
    cbx_account_t *account = &cmd->account;
    cbx_person_t *person;
    cbx_err_t err;

    if ((err = cbx_core_writing(core)) != CBX_OK ||
        (err = cbx_store_upgrade_guest(core->store, guest->user.id, account->display_name,
                                       account->password_hash)) != CBX_OK)
        return err;
    cmd->user = guest->user;
    cmd->user.guest = false;
    memcpy(cmd->user.display_name, account->display_name, sizeof(cmd->user.display_name));
    if ((person = cbx_people_find(&core->people, guest->user.id)) != NULL)
        cbx_person_set_user(person, &cmd->user);
    if (strcmp(guest->user.display_name, cmd->user.display_name) != 0)
        tell_user(core, &cmd->user);
    return CBX_OK;
}

static void default_display_name(cbx_account_t *account)
{
    if (account->display_name[0] == '\0')
        memcpy(account->display_name, account->username, sizeof(account->username));
}

cbx_err_t cbx_run_register(cbx_core_t *core, cbx_command_t *cmd)
{
    bool chosen = cmd->account.display_name[0] != '\0';
    cbx_store_user_t holder = {0};
    cbx_err_t err;

    default_display_name(&cmd->account);
    err = take_name(core, cmd, cmd->account.password_hash, &holder);
    if (err == CBX_ERR_NAME_TAKEN && holder.password_hash == NULL && is_caller(core, cmd, holder.user.id)) {
        if (!chosen) /* he keeps the one that he had */
            memcpy(cmd->account.display_name, holder.user.display_name, sizeof(cmd->account.display_name));
        err = upgrade(core, cmd, &holder);
    }
    if (err == CBX_OK)
        err = open_session(core, cmd);
    cbx_store_user_dispose(&holder);
    return err;
}

cbx_err_t cbx_run_guest(cbx_core_t *core, cbx_command_t *cmd)
{
    cbx_store_user_t holder = {0};
    cbx_err_t err;

    default_display_name(&cmd->account);
    if ((err = take_name(core, cmd, NULL, &holder)) == CBX_ERR_NAME_TAKEN) {
        if (holder.password_hash != NULL) {
            err = CBX_ERR_BAD_CREDENTIALS; /* an account's: it takes the password */
        } else if (is_caller(core, cmd, holder.user.id)) {
            cmd->user = holder.user;
            err = CBX_OK;
        }
    }
    if (err == CBX_OK)
        err = open_session(core, cmd);
    cbx_store_user_dispose(&holder);
    return err;
}

cbx_err_t cbx_run_login(cbx_core_t *core, cbx_command_t *cmd)
{
    cbx_store_user_t row = {0};
    cbx_err_t err;

    if ((err = cbx_store_user(core->store, cmd->user_id, &row)) == CBX_OK) {
        cmd->user = row.user;
        if (row.password_hash == NULL || strcmp(row.password_hash, cmd->account.password_hash) != 0)
            err = CBX_ERR_BAD_CREDENTIALS; /* it was changed while the old one was being looked at */
        else
            err = open_session(core, cmd);
    }
    cbx_store_user_dispose(&row);
    return err;
}

typedef enum which { THIS_SESSION, ALL_SESSIONS, OTHER_SESSIONS } which_t;

/* the connections of these sessions of the user are closed once this is committed */
static void close_seats(cbx_core_t *core, const cbx_command_t *cmd, which_t which)
{
    cbx_person_t *person = cbx_people_find(&core->people, cmd->user_id);
    uint8_t jti[CBX_JTI_LEN / 2];

    cbx_token_pack_id(jti, cmd->jti);
    for (cbx_seat_t *seat = person == NULL ? NULL : person->seats; seat != NULL; seat = seat->next) {
        bool same = memcmp(seat->jti, jti, sizeof(jti)) == 0;
        if ((which == THIS_SESSION && !same) || (which == OTHER_SESSIONS && same))
            continue;
        seat->closing = true;
        cbx_batch_add(core->batch,
                      (cbx_row_t){.kind = CBX_ROW_CLOSE, .session = seat->session, .code = CBX_LOGGED_OUT});
    }
}

/* a guest who logs out gives the name away, and with it every session */
cbx_err_t cbx_run_logout(cbx_core_t *core, cbx_command_t *cmd)
{
    cbx_store_user_t row = {0};
    int64_t owner;
    bool all;
    cbx_err_t err;

    if ((err = cbx_store_session(core->store, cmd->jti, &owner)) != CBX_OK || owner != cmd->user_id)
        return err == CBX_OK || err == CBX_ERR_NOT_FOUND ? CBX_ERR_UNAUTHORIZED : err;
    if ((err = cbx_store_user(core->store, owner, &row)) == CBX_OK)
        err = cbx_core_writing(core);
    all = cmd->everywhere || row.user.guest;
    if (err == CBX_OK && row.user.guest)
        err = release(core, owner);
    else if (err == CBX_OK)
        err = all ? cbx_store_close_sessions(core->store, owner, NULL)
                  : cbx_store_close_session(core->store, cmd->jti);
    if (err == CBX_OK)
        close_seats(core, cmd, all ? ALL_SESSIONS : THIS_SESSION);
    cbx_store_user_dispose(&row);
    return err;
}

static cbx_err_t change_display_name(cbx_core_t *core, cbx_command_t *cmd, cbx_person_t *person)
{
    cbx_err_t err;

    if ((err = cbx_store_set_display_name(core->store, person->user.id, cmd->account.display_name)) != CBX_OK)
        return err;
    cmd->user = cbx_person_user(person);
    memcpy(cmd->user.display_name, cmd->account.display_name, sizeof(cmd->user.display_name));
    cbx_person_set_user(person, &cmd->user);
    tell_user(core, &cmd->user);
    return CBX_OK;
}

/* a new password ends all other sessions: whoever knew the old one is out */
static cbx_err_t change_password(cbx_core_t *core, cbx_command_t *cmd)
{
    cbx_err_t err;

    if ((err = cbx_store_set_password(core->store, cmd->user_id, cmd->account.password_hash)) != CBX_OK ||
        (err = cbx_store_close_sessions(core->store, cmd->user_id, cmd->jti)) != CBX_OK)
        return err;
    close_seats(core, cmd, OTHER_SESSIONS);
    return CBX_OK;
}

/* The old password was right when a thread of the pool looked. */
static cbx_err_t still_has(cbx_core_t *core, int64_t user_id, const char *hash)
{
    cbx_store_user_t row = {0};
    cbx_err_t err = cbx_store_user(core->store, user_id, &row);

    if (err == CBX_OK && (row.password_hash == NULL || strcmp(row.password_hash, hash) != 0))
        err = CBX_ERR_CONFLICT;
    cbx_store_user_dispose(&row);
    return err;
}

cbx_err_t cbx_run_profile(cbx_core_t *core, cbx_command_t *cmd)
{
    cbx_person_t *person;
    cbx_err_t err;

    if ((err = cbx_core_sender(core, cmd, &person)) != CBX_OK)
        return err;
    if (cmd->account.password_hash[0] != '\0' && person->guest)
        return CBX_ERR_FORBIDDEN; /* a guest registers instead */
    if (cmd->account.password_hash[0] != '\0' &&
        (err = still_has(core, person->user.id, cmd->account.old_hash)) != CBX_OK)
        return err;
    if ((err = cbx_core_writing(core)) == CBX_OK && cmd->account.display_name[0] != '\0')
        err = change_display_name(core, cmd, person);
    if (err == CBX_OK && cmd->account.password_hash[0] != '\0')
        err = change_password(core, cmd);
    cmd->user = cbx_person_user(person);
    return err;
}
