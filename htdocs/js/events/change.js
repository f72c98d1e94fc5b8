// change.js -- a message came, was edited, or was deleted. Returns false when a change is missing before this one.

export function change(store, frame) {
    const room = store.room(frame.room);
    if (!room || room.rev === undefined)
        return true;
    if (frame.rev <= room.rev)
        return true;
    if (frame.rev !== room.rev + 1)
        return false;
    room.rev = frame.rev;
    const {message: said, type} = frame;
    const before = room.timeline.get(said.id);
    const wasUnread = before && !before.deleted && said.id > room.read_id && !store.isMe(said.username);
    const mine = store.isMe(said.username);
    const message = room.timeline.learn(said, mine);
    if (room !== store.here)
        room.timeline.trim();
    room.last_id = Math.max(room.last_id, said.id);
    if (room.typing.delete(said.username) && type === 'message')
        store.tell('typing', {room});
    store.tell('timeline', {room});
    if (type === 'message' && !mine) {
        store.setUnread(room, room.unread + 1);
        store.tell('arrived', {room, message});
    } else if (type === 'delete' && wasUnread) {
        store.setUnread(room, Math.max(0, room.unread - 1));
    }
    return true;
}
