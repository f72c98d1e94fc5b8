// signs.js -- the small signs: who came and left, who types, who has read, who is called what now.

export function presence(store, frame) {
    for (const name of frame.online ?? [])
        store.online.add(name);
    for (const name of frame.offline ?? [])
        store.online.delete(name);
    if (!frame.online && !frame.offline)
        store.online.clear(); // too many for names
    store.onlineCount = frame.online_count;
    store.tell('people');
}

export function typing(store, frame, now = Date.now()) {
    const room = store.room(frame.room);
    if (!room || store.isMe(frame.username))
        return;
    if (frame.for > 0)
        room.typing.set(frame.username, now + frame.for * 1000);
    else
        room.typing.delete(frame.username);
    store.tell('typing', {room});
}

export function read(store, frame) {
    const room = store.room(frame.room);
    if (!room || (room.marks.get(frame.username) ?? 0) >= frame.id)
        return;
    room.marks.set(frame.username, frame.id);
    if (store.isMe(frame.username))
        ownMark(store, room, frame.id);
    store.tell('marks', {room});
}

// what is behind my mark and here can be counted; else the server's number less what was read of it
function ownMark(store, room, id) {
    const timeline = room.timeline.settled;
    const counts = (m) => !m.deleted && !store.isMe(m.username);
    const before = room.read_id;
    room.read_id = id;
    const complete = timeline.length > 0 && timeline[0].id <= id + 1;
    const passed = timeline.filter((m) => m.id > before && m.id <= id && counts(m)).length;
    store.setUnread(room, complete ? timeline.filter((m) => m.id > id && counts(m)).length : Math.max(0, room.unread - passed));
}

export function user(store, frame) {
    store.names.set(frame.user.username, frame.user.display_name);
    if (store.isMe(frame.user.username))
        store.setMe(frame.user);
    store.tell('people');
    for (const room of store.rooms.values())
        store.tell('marks', {room});
}
