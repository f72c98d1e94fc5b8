// history.js -- what was missed in a room, or its newest page.

export function history(store, frame) {
    const room = store.room(frame.room);
    if (!room)
        return;
    const starts = frame.reset || room.rev === undefined;
    const before = room.timeline.newest?.id ?? 0;
    if (starts)
        room.timeline.reset(frame.more);
    const fresh = [];
    for (const said of frame.messages) {
        const mine = store.isMe(said.username);
        const message = room.timeline.learn(said, mine);
        if (message && said.id > before && !mine && !said.deleted)
            fresh.push(message);
    }
    room.rev = frame.rev;
    room.loaded = true;
    store.tell('timeline', {room, reset: starts});
    if (before > 0 && !starts)
        for (const message of fresh)
            store.tell('arrived', {room, message, late: true});
}
