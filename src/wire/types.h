/* types.h -- the values of the protocol: users, rooms, messages, and what a client asks for. No behaviour. */
#ifndef cbx_wire_types_h
#define cbx_wire_types_h

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CBX_GENERAL 1                 /* the id of the room `general`, which everybody is in */
#define CBX_EVERYBODY 0               /* no room's id: where rooms hear, all who are let in */
#define CBX_NAME_MAX 32               /* bytes of a user name */
#define CBX_DISPLAY_MAX (64 * 4)      /* bytes of a display name: 64 characters */
#define CBX_CID_MAX 64                /* bytes of a cid */
#define CBX_JTI_LEN 32                /* hex digits of a token's id */
#define CBX_ID_MAX (INT64_C(1) << 53) /* ids and revs are below: JavaScript's numbers hold them */
#define CBX_ROOM_NAME_MAX (64 * 4)    /* bytes of a room's name: 64 characters */
#define CBX_TOPIC_MAX (250 * 4)       /* bytes of a topic: 250 characters */
#define CBX_ONLINE_NAMES_MAX 500      /* above, only the count of who is online is sent */
#define CBX_PAGE_DEFAULT 50           /* messages of a page of history, where the client does not say */
#define CBX_PAGE_MAX 200

/* close codes of a WebSocket: RFC 6455 section 7.4.1, and protocol.md above 4000 */
enum {
    CBX_GOING_AWAY = 1001,
    CBX_PROTOCOL_ERROR = 1002,
    CBX_UNSUPPORTED = 1003,
    CBX_BAD_DATA = 1007,
    CBX_TOO_BIG = 1009,
    CBX_NO_HELLO = 4001,
    CBX_BAD_TOKEN = 4003,
    CBX_LOGGED_OUT = 4005,
    CBX_TOO_SLOW = 4008,
    CBX_FLOOD = 4029
};

typedef struct cbx_user {
    int64_t id;
    char username[CBX_NAME_MAX + 1];
    char display_name[CBX_DISPLAY_MAX + 1];
    bool guest;
} cbx_user_t;

typedef enum cbx_room_kind { CBX_ROOM_PUBLIC, CBX_ROOM_PRIVATE, CBX_ROOM_DIRECT } cbx_room_kind_t;

/* a room as one of its members sees it, or, with `joined` false, as somebody who might join */
typedef struct cbx_room_view {
    int64_t id, rev, last_id;
    cbx_room_kind_t kind;
    const char *name; /* of a direct room: the other's user name */
    const char *topic;
    bool joined;
    int64_t read_id, unread; /* where joined */
} cbx_room_view_t;

/* a message; the texts belong to whoever filled it in */
typedef struct cbx_message {
    int64_t id, room, rev;
    int64_t user_id;   /* 0: the author has no account here (a row of the original program) */
    int64_t timestamp; /* ms */
    int64_t edited;    /* ms of the last edit, or 0 */
    bool deleted;
    const char *username;
    const char *cid;
    const char *text; /* `text_len` bytes; empty when deleted */
    size_t text_len;
} cbx_message_t;

#endif
