// timeline.js -- the messages of a room that this page has: without a gap up to the newest, by id, and behind them
// those that wait to be sent. One object is one message from "pending" to "seen"; its `key` never changes, its `v`
// grows with every change, so that whoever draws it knows.

const KEEP = 400; // messages of a room that nobody looks at

export class Timeline {
    items = []; // acknowledged ones by id, then pending ones in the order of writing
    more = true; // there are older ones on the server
    #byId = new Map();
    #byCid = new Map(); // own ones
    #pending = 0;

    get(id) { return this.#byId.get(id); }
    byCid(cid) { return this.#byCid.get(cid); }
    get newest() { return this.items[this.items.length - this.#pending - 1]; }
    get oldest() { return this.items.length > this.#pending ? this.items[0] : undefined; }
    get waits() { return this.#pending > 0; } // something is to be sent
    get settled() { return this.items.slice(0, this.items.length - this.#pending); }

    // what the server says of a message: a new one, or a change of a known one. Older than all that are here, it
    // is left out: it comes with its page. `mine`: it may be one that waits here.
    learn(said, mine) {
        const known = this.#byId.get(said.id) ?? (mine && said.cid ? this.#byCid.get(said.cid) : undefined);
        if (known)
            return this.#change(known, said);
        if (this.oldest && said.id < this.oldest.id && this.more)
            return null;
        const message = {...said, key: said.cid ? `${said.username}/${said.cid}` : `id/${said.id}`, v: 1};
        this.#insert(message);
        if (mine && said.cid)
            this.#byCid.set(said.cid, message);
        return message;
    }

    #change(known, said) {
        if (known.id === undefined) {
            this.items.splice(this.items.indexOf(known), 1);
            --this.#pending;
            this.#assign(known, said);
            this.#insert(known);
        } else if (said.rev >= known.rev) {
            this.#assign(known, said);
        }
        return known;
    }

    #assign(known, said) {
        delete known.text;
        Object.assign(known, said, {state: undefined, code: undefined, v: known.v + 1});
    }

    #insert(message) {
        let at = this.items.length - this.#pending;
        while (at > 0 && this.items[at - 1].id > message.id)
            --at;
        this.items.splice(at, 0, message);
        this.#byId.set(message.id, message);
    }

    // a message of ours that is to be sent
    await(message) {
        const pending = {edited: false, deleted: false, state: 'pending', ...message,
                         key: `${message.username}/${message.cid}`, v: 1};
        this.items.push(pending);
        this.#byCid.set(pending.cid, pending);
        ++this.#pending;
        return pending;
    }

    // a pending one is given up
    forget(message) {
        if (message.id !== undefined || !this.items.includes(message))
            return;
        this.items.splice(this.items.indexOf(message), 1);
        this.#byCid.delete(message.cid);
        --this.#pending;
    }

    // an older page, oldest first; returns how many are new
    prepend(messages, more) {
        const fresh = messages.filter((m) => !this.#byId.has(m.id))
            .map((m) => ({...m, key: m.cid ? `${m.username}/${m.cid}` : `id/${m.id}`, v: 1}));
        for (const message of fresh)
            this.#byId.set(message.id, message);
        this.items.unshift(...fresh);
        this.more = more;
        return fresh.length;
    }

    // starts again, with a page to come; what waits to be sent stays
    reset(more) {
        this.items = this.items.slice(this.items.length - this.#pending).filter((m) => m.state !== 'delivered');
        this.#pending = this.items.length;
        this.#byId.clear();
        this.#byCid = new Map(this.items.map((m) => [m.cid, m]));
        this.more = more;
    }

    // lets go of the oldest; returns how many
    trim() {
        const extra = Math.max(0, this.items.length - this.#pending - KEEP);
        for (const message of this.items.splice(0, extra)) {
            this.#byId.delete(message.id);
            if (this.#byCid.get(message.cid) === message)
                this.#byCid.delete(message.cid);
        }
        this.more ||= extra > 0;
        return extra;
    }
}
