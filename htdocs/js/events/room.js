// room.js -- in a new room, out of one, or it has changed.

export function room(store, frame) {
    if (!frame.joined)
        return store.dropRoom(frame.room.id);
    const known = store.room(frame.room.id);
    const {rev, ...said} = frame.room;
    if ('read_id' in said && known)
        known.rev = undefined; // joined again: what we had is thrown away, the history follows
    const put = store.putRoom(said);
    if ('unread' in said)
        store.tell('unread', {room: put});
    store.tell('rooms');
}
