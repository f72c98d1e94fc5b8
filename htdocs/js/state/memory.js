// memory.js -- the last that was seen of each room, on this machine's disk: it is shown at once when the page opens,
// and only what has changed since is fetched. It is thrown away when somebody else logs in.

const NEWEST = 60; // messages kept of a room

export class Memory {
    #db;
    #store;
    #timer = 0;
    #changed = new Set();

    constructor(db, store) {
        this.#db = db;
        this.#store = store;
        for (const type of ['timeline', 'room', 'marks', 'unread'])
            store.addEventListener(type, ({detail: {room}}) => this.#soon(room));
    }

    #soon(room) {
        this.#changed.add(room);
        this.#timer ||= setTimeout(() => this.write(), 500);
    }

    // what has changed goes to disk now: before the page goes
    async write() {
        clearTimeout(this.#timer);
        this.#timer = 0;
        const {me, epoch, rooms} = this.#store;
        const changed = [...this.#changed].filter((room) => rooms.get(room.id) === room && room.rev !== undefined);
        this.#changed.clear();
        if (!me || !epoch)
            return;
        try {
            // all at once: a page that goes does not come back to the second
            await Promise.all([
                this.#db.put('memory', 'who', {username: me.username, me, epoch, rooms: [...rooms.keys()]}),
                ...changed.map((room) => this.#db.put('rooms', room.id, this.#picture(room)))
            ]);
        } catch {
            // a full disk: nothing is remembered, nothing is lost
        }
    }

    #picture(room) {
        const {id, kind, name, topic, rev, last_id, read_id, unread} = room;
        const settled = room.timeline.settled;
        const messages = settled.slice(-NEWEST).map(({key, v, state, code, ...plain}) => plain);
        return {id, kind, name, topic, rev, last_id, read_id, unread, marks: [...room.marks], messages,
                more: room.timeline.more || settled.length > NEWEST};
    }

    // fills the store with what is remembered; false: nothing
    async recall() {
        const who = await this.#db.get('memory', 'who').catch(() => null);
        if (!who)
            return false;
        this.#store.epoch = who.epoch;
        this.#store.setMe(who.me);
        for (const id of who.rooms) {
            const picture = await this.#db.get('rooms', id);
            if (!picture)
                continue;
            const {messages, more, ...said} = picture;
            const room = this.#store.putRoom(said);
            room.timeline.reset(more);
            for (const message of messages)
                room.timeline.learn(message, this.#store.isMe(message.username));
        }
        this.#store.tell('rooms');
        return true;
    }

    async forget() {
        this.#changed.clear();
        await this.#db.del('memory', 'who').catch(() => {});
        for (const id of this.#store.rooms.keys())
            await this.#db.del('rooms', id).catch(() => {});
    }
}
