// store.js -- what this page knows: who I am, the rooms, who is online, how the connection is. Events tell what has
// changed; nothing here knows the network or the screen.
//
//     me  rooms  room {room}  timeline {room, reset}  arrived {room, message}  unread {room}  marks {room}
//     people  typing {room}  current  status

import {Timeline} from './timeline.js';

export class Store extends EventTarget {
    me = null;
    epoch = null;
    limits = {text_bytes: 16384, messages_per_second: 10};
    rooms = new Map();
    current = null; // the room that is looked at
    online = new Set();
    onlineCount = 0;
    names = new Map(); // display names by user name
    status = {phase: 'connecting', retryAt: 0};

    tell(type, detail = {}) {
        this.dispatchEvent(new CustomEvent(type, {detail}));
    }

    room(id) { return this.rooms.get(id); }
    get here() { return this.rooms.get(this.current); }
    displayName(username) { return this.names.get(username) || username; }
    isMe(username) { return this.me?.username === username; }

    setMe(me) {
        this.me = me;
        if (me)
            this.names.set(me.username, me.display_name);
        this.tell('me');
    }

    setStatus(phase, retryAt = 0) {
        this.status = {phase, retryAt};
        this.tell('status');
    }

    // takes what the server says of a room; what it does not say stays as it was
    putRoom(said) {
        const room = this.rooms.get(said.id) ??
            {timeline: new Timeline(), typing: new Map(), marks: new Map(), unread: 0, read_id: 0, seenUpTo: 0};
        const {marks, ...plain} = said;
        Object.assign(room, plain, {left: false});
        if (marks)
            room.marks = new Map(marks);
        this.rooms.set(said.id, room);
        this.tell('room', {room});
        return room;
    }

    // a room that is no longer mine goes, but not while words of mine wait there: what becomes of them is mine to say
    dropRoom(id) {
        const room = this.rooms.get(id);
        if (!room)
            return;
        room.left = true;
        if (room.timeline.waits)
            return;
        this.rooms.delete(id);
        if (this.current === id)
            this.look(this.rooms.keys().next().value ?? null);
        this.tell('rooms');
    }

    // the room that the user wants to see
    look(id) {
        const before = this.here;
        this.current = id;
        if (before && before !== this.here)
            before.timeline.trim();
        this.tell('current');
    }

    // the highest mark of anybody but `username`: what that user wrote is seen up to there
    seenUpTo(room, username) {
        let highest = 0;
        for (const [name, id] of room.marks)
            if (name !== username && id > highest)
                highest = id;
        return highest;
    }

    // those whose marks are at or past a message
    seenBy(room, message) {
        return [...room.marks].filter(([name, id]) => name !== message.username && id >= message.id).map(([name]) => name);
    }

    setUnread(room, unread) {
        room.unread = unread;
        this.tell('unread', {room});
    }

    forgetAll() {
        this.rooms.clear();
        this.names.clear();
        this.online.clear();
        Object.assign(this, {epoch: null, current: null, onlineCount: 0});
        this.setMe(null);
    }
}
