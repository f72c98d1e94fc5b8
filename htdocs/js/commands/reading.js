// reading.js -- older pages, who is in a room, and the reading mark.

import {api} from '../net/api.js';

const loading = new Map(); // what is under way, so that it is asked for once

function single(key, run) {
    if (!loading.has(key))
        loading.set(key, run().finally(() => loading.delete(key)));
    return loading.get(key);
}

export class Reading {
    #store;
    #socket;
    #typed = new Map(); // when I last said that I type, by room

    constructor(store, socket) {
        this.#store = store;
        this.#socket = socket;
    }

    // how many came
    older({room}) {
        const {timeline} = room;
        if (!timeline.more)
            return Promise.resolve(0);
        return single(`older/${room.id}`, async () => {
            const edge = timeline.oldest?.id;
            const page = await api.older(room.id, edge);
            if (timeline.oldest?.id !== edge)
                return 0; // the room has started again meanwhile
            const fresh = timeline.prepend(page.messages, page.more);
            this.#store.tell('timeline', {room, older: fresh});
            return fresh;
        });
    }

    // a page of the members, with their display names
    members({room, after, online}) {
        return single(`members/${room.id}/${after}/${online}`, async () => {
            const page = await api.members(room.id, after, online);
            for (const member of page.members)
                this.#store.names.set(member.username, member.display_name);
            this.#store.tell('people');
            return page;
        });
    }

    // all up to this message was on the screen; the server's own event moves the mark
    read({room, id}) {
        if (id > room.read_id && id > (room.told ?? 0) && this.#socket.send({type: 'read', room: room.id, id}))
            room.told = id;
    }

    typing({room}) {
        if (Date.now() - (this.#typed.get(room) ?? 0) < 3000)
            return;
        this.#typed.set(room, Date.now());
        this.#socket.send({type: 'typing', room});
    }
}
