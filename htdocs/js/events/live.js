// live.js -- the switchboard between the connection and the store: hello, then each frame to the one who knows it, and
// what waits in the outbox goes out, one after the other, in order.

import {ack} from './ack.js';
import {change} from './change.js';
import {error} from './error.js';
import {history} from './history.js';
import {room} from './room.js';
import {presence, read, typing, user} from './signs.js';
import {welcome} from './welcome.js';

export class Live {
    #store;
    #outbox;
    #socket;
    #in = false; // welcomed
    #sent = null; // the item that waits for its answer
    #timer = 0;

    constructor(store, outbox, socket) {
        this.#store = store;
        this.#outbox = outbox;
        this.#socket = socket;
        socket.addEventListener('up', () => this.#hello());
        socket.addEventListener('frame', ({detail}) => this.#hear(detail));
        socket.addEventListener('down', ({detail}) => this.#down(detail.at));
        outbox.addEventListener('added', () => this.#flush());
        outbox.addEventListener('changed', () => this.#flush());
    }

    #hello() {
        const {epoch, rooms} = this.#store;
        const since = {};
        for (const [id, room] of rooms)
            if (room.rev !== undefined)
                since[id] = room.rev;
        this.#in = false;
        this.#sent = null;
        this.#socket.send({type: 'hello', ...(epoch ? {epoch, since} : {})});
    }

    #down(at) {
        this.#in = false;
        this.#sent = null;
        clearTimeout(this.#timer);
        this.#store.setStatus('offline', at);
    }

    #hear(frame) {
        const store = this.#store;
        switch (frame.type) {
        case 'welcome':
            welcome(store, frame);
            this.#in = true;
            this.#socket.welcomed();
            store.setStatus('online');
            return this.#flush();
        case 'history': return history(store, frame);
        case 'message':
        case 'edit':
        case 'delete':
            return change(store, frame) || !this.#in || this.#hello(); // one hello is enough
        case 'ack':
            ack(store, this.#outbox, frame);
            return this.#answered(frame.cid);
        case 'error': return this.#refused(frame);
        case 'room': return room(store, frame);
        case 'presence': return presence(store, frame);
        case 'typing': return typing(store, frame);
        case 'read': return read(store, frame);
        case 'user': return user(store, frame);
        }
    }

    #answered(cid) {
        if (this.#sent?.cid === cid)
            this.#sent = null;
        this.#flush();
    }

    #refused(frame) {
        const wait = error(this.#store, this.#outbox, frame);
        if (!this.#in && !frame.cid && wait)
            this.#timer = setTimeout(() => this.#hello(), wait); // the hello itself
        else if (this.#sent && frame.cid === this.#sent.cid && wait)
            this.#timer = setTimeout(() => this.#answered(frame.cid), wait);
        else if (frame.cid)
            this.#answered(frame.cid);
    }

    // one at a time: whatever happens to the first, the second does not overtake it
    #flush() {
        const item = this.#outbox.first;
        if (!this.#in || this.#sent || !item)
            return;
        const {type, cid, room, id, text} = item;
        const frame = type === 'message' ? {type, room, cid, text} : type === 'edit' ? {type, cid, id, text} : {type, cid, id};
        if (this.#socket.send(frame))
            this.#sent = item;
    }
}
