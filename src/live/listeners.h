/* listeners.h -- the rooms as one worker knows them: who hears each, and what it is told this turn. Worker's
 * thread. */
#ifndef cbx_live_listeners_h
#define cbx_live_listeners_h

#include <stdint.h>

typedef struct cbx_hub cbx_hub_t;
typedef struct cbx_hub_room cbx_hub_room_t;
struct cbx_session;
struct cbx_row;

/* lends the room, or NULL; cbx_room_get makes it where there is none */
cbx_hub_room_t *cbx_room_find(cbx_hub_t *hub, int64_t id);
cbx_hub_room_t *cbx_room_get(cbx_hub_t *hub, int64_t id);

/* from now on the session hears the room, or does not; harmless where that is so already */
void cbx_room_join(cbx_hub_room_t *room, struct cbx_session *s);
void cbx_room_leave(const cbx_hub_room_t *room, struct cbx_session *s);
/* it hears none any more */
void cbx_rooms_leave(struct cbx_session *s);

/* the row's frame is told at the end of the turn */
void cbx_room_tell(cbx_hub_t *hub, cbx_hub_room_t *room, const struct cbx_row *row);
/* what the room is told so far goes to those who hear it now, before whatever comes next */
void cbx_room_flush(cbx_hub_t *hub, cbx_hub_room_t *room);
/* the end of a turn: what the rooms are told goes to the listeners' queues, or straight to their sockets */
void cbx_rooms_flush(cbx_hub_t *hub);

void cbx_rooms_free(cbx_hub_t *hub);

#endif
