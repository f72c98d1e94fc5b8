// welcome.js -- let in: who I am, which rooms there are, who is online. Rooms that are missing are no longer mine.

export function welcome(store, frame) {
    const mine = new Set(frame.rooms.map((room) => room.id));
    if (store.epoch !== null && store.epoch !== frame.epoch)
        for (const room of store.rooms.values())
            room.rev = undefined; // the numbers mean nothing any more: every room starts again
    store.epoch = frame.epoch;
    store.limits = frame.limits;
    store.setMe(frame.user);
    for (const id of [...store.rooms.keys()].filter((id) => !mine.has(id)))
        store.dropRoom(id);
    for (const {rev, ...said} of frame.rooms) { // the rev moves with the history that follows
        const room = store.putRoom(said);
        room.typing.clear();
        room.told = 0; // what was said of reading may have been lost
        store.tell('marks', {room});
        store.tell('unread', {room});
    }
    store.online = new Set(frame.online);
    store.onlineCount = frame.online_count;
    store.tell('rooms');
    store.tell('people');
}
