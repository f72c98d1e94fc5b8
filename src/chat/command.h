/* command.h -- what travels to the core, and what comes back.
 *
 * A command is a letter. A connection's command (`home` NULL) is answered by frames in the batch, to
 * `session`; a request's command (`home` set) is filled in with its answer and travels back itself, to be
 * freed by its `done`.
 */
#ifndef cbx_chat_command_h
#define cbx_chat_command_h

#include "base/mail.h"
#include "wire/password.h"
#include "wire/proto.h"

typedef enum cbx_command_type {
    /* a client's frames (HELLO, MESSAGE, EDIT, DELETE) and POST …/messages (MESSAGE) */
    CBX_CMD_HELLO,
    CBX_CMD_MESSAGE,
    CBX_CMD_EDIT,
    CBX_CMD_DELETE,
    CBX_CMD_TYPING,
    CBX_CMD_READ,
    /* a connection ended: its session is gone */
    CBX_CMD_GONE,
    /* requests */
    CBX_CMD_REGISTER, /* `account` -> user; upgrades the guest `user_id` when the name is his */
    CBX_CMD_GUEST,    /* `account.username` -> user; `user_id` keeps the name that he holds */
    CBX_CMD_LOGIN,    /* opens a session of `user_id`, whose password was right */
    CBX_CMD_LOGOUT,   /* ends the session `jti` (`everywhere`: all of the user) */
    CBX_CMD_PROFILE, /* `account.display_name` and `account.password_hash`, where not empty, become the user's
                        -> user */
    CBX_CMD_ROOMS,   /* -> body {"rooms":[…]}: the user's, and the public ones he may join */
    CBX_CMD_CREATE,  /* `room` -> body: the room */
    CBX_CMD_EDIT_ROOM, /* `room` becomes that of `req.room`; its owner -> body */
    CBX_CMD_DIRECT,    /* the direct room with `account.username` -> body */
    CBX_CMD_JOIN,      /* `account.username` (empty: the sender) becomes a member of `req.room` -> body */
    CBX_CMD_LEAVE,     /* `account.username` no longer is one */
    CBX_CMD_MEMBERS,   /* `page` of the members of `req.room` -> body {"members":[…],"more":…} */
    CBX_CMD_TYPES
} cbx_command_type_t;

typedef struct cbx_account {
    char username[CBX_NAME_MAX + 1];
    char display_name[CBX_DISPLAY_MAX + 1]; /* empty: as the username */
    char password_hash[CBX_PASSWORD_HASH];
    char old_hash[CBX_PASSWORD_HASH]; /* PROFILE: of the old password, which was right */
    char jti[CBX_JTI_LEN + 1];        /* of the session to open */
    int64_t expires_at;               /* s */
} cbx_account_t;

/* a room to make, or how to change one: a name or topic that is NULL stays as it is */
typedef struct cbx_room_change {
    cbx_room_kind_t kind;
    char *name, *topic; /* owned */
} cbx_room_change_t;

/* which members */
typedef struct cbx_member_page {
    char after[CBX_NAME_MAX + 1]; /* names behind this one; empty: from the first */
    int limit;
    bool online; /* only those who are */
} cbx_member_page_t;

/* what a reader fetched for a hello: the changes of a room behind what the client has, complete up to rev
 * `upto`, which at first is that */
typedef struct cbx_fetched {
    int64_t room, upto;
    bool reset;                  /* too many: the client gets the newest page instead */
    struct cbx_entry **messages; /* by rev, lowest first; owned (chat/room.h) */
    size_t len, before;          /* ... of which so many were fetched before the last time */
} cbx_fetched_t;

typedef struct cbx_command cbx_command_t;
struct cbx_command {
    cbx_mail_t mail;
    cbx_command_type_t type;

    /* whose it is. A connection's: its number (the core knows the user). A request's: user and token. */
    uint64_t session; /* see seat.h */
    int64_t user_id;
    char jti[CBX_JTI_LEN + 1];
    bool everywhere;

    cbx_request_t req; /* what a client says (HELLO to DELETE) */
    cbx_account_t account;
    cbx_room_change_t room;
    cbx_member_page_t page;

    bool away;              /* with a reader, for what the core does not count or read itself */
    bool again;             /* ... and back from there: it has paid already */
    cbx_fetched_t *fetched; /* a hello's: one for each room that memory could not answer */
    size_t fetched_len;
    unsigned fetches; /* how often a reader went for them */

    /* the way home of a request's command */
    cbx_mailbox_t *home;
    void (*done)(cbx_command_t *cmd, void *reader); /* on home's thread; owns the command */
    uint64_t pending;                               /* the requester's name for whoever waits */

    /* the answer */
    cbx_err_t err;
    double retry_after; /* s, where waiting helps */
    cbx_user_t user;    /* REGISTER, GUEST, LOGIN, PROFILE */
    cbx_buf_t body;     /* JSON: MESSAGE, and those on rooms */
    bool dup;           /* MESSAGE, DIRECT: it was there already */
};

/* a zeroed command */
cbx_command_t *cbx_command_new(cbx_command_type_t type);
void cbx_command_free(cbx_command_t *cmd);

#endif
