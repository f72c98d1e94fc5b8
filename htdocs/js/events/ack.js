// ack.js -- what we asked for is on the server's disk.

export function ack(store, outbox, frame) {
    const item = outbox.find(frame.cid);
    if (!item)
        return;
    outbox.remove(item);
    const room = store.room(item.room);
    const message = room?.timeline.byCid(frame.cid);
    if (item.type !== 'message' || !message || message.id !== undefined)
        return;
    // the event follows; until then it is delivered in the place where it stands
    message.state = 'delivered';
    ++message.v;
    store.tell('timeline', {room});
}
