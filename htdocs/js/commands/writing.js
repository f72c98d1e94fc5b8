// writing.js -- what the user writes goes into the outbox and, at once, onto the screen: messages, edits, deletions.
// The timeline shows each item of the outbox until the server's own words replace it.

import {newCid} from '../lib/ids.js';

export class Writing {
    #store;
    #outbox;

    constructor(store, outbox) {
        this.#store = store;
        this.#outbox = outbox;
        outbox.addEventListener('changed', ({detail}) => this.#show(detail));
        store.addEventListener('timeline', ({detail}) => detail.reset && this.showAll(detail.room));
    }

    say({room, text}) {
        this.#add({type: 'message', room, text});
    }

    // a message that was never sent is just written anew
    edit({message, text}) {
        const item = this.#waiting(message);
        if (item)
            return this.#outbox.change(item, {text, state: 'waiting', code: undefined});
        if (text !== message.text)
            this.#add({type: 'edit', room: message.room, id: message.id, text, before: message.text});
    }

    remove({message}) {
        if (this.#waiting(message))
            return this.discard({message});
        this.#add({type: 'delete', room: message.room, id: message.id});
    }

    again({message}) {
        for (const item of this.#of(message))
            this.#outbox.change(item, {state: 'waiting', code: undefined});
    }

    discard({message}) {
        const room = this.#store.room(message.room);
        for (const item of this.#of(message)) {
            this.#outbox.remove(item);
            if (item.type === 'edit')
                message.text = item.before;
        }
        Object.assign(message, {state: undefined, code: undefined, v: message.v + 1});
        room.timeline.forget(message);
        this.#store.tell('timeline', {room});
        if (room.left)
            this.#store.dropRoom(room.id);
    }

    // what an earlier page left, or what a reset has taken off the screen
    showAll(room) {
        for (const item of this.#outbox.items)
            if (item.room === room.id)
                this.#show(item);
    }

    #add(item) {
        this.#show(this.#outbox.add({cid: newCid(), user: this.#store.me.username, ...item}));
    }

    #waiting(message) {
        return message.id === undefined ? this.#outbox.find(message.cid) : undefined;
    }

    #of(message) {
        return this.#outbox.items.filter((item) =>
            message.id === undefined ? item.cid === message.cid : item.id === message.id && item.type !== 'message');
    }

    #show(item) {
        const room = this.#store.room(item.room);
        if (!room)
            return;
        const {timeline} = room;
        let message = item.type === 'message' ? timeline.byCid(item.cid) : timeline.get(item.id);
        if (!message && item.type === 'message')
            message = timeline.await({cid: item.cid, room: item.room, username: item.user, timestamp: item.timestamp});
        if (!message || (item.type === 'message' && message.id !== undefined))
            return;
        if (item.type !== 'delete')
            message.text = item.text;
        const state = item.state === 'failed' ? 'failed' : item.type === 'delete' ? 'deleting' : 'pending';
        Object.assign(message, {state, code: item.code, v: message.v + 1});
        this.#store.tell('timeline', {room});
    }
}
