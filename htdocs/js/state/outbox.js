// outbox.js -- what the user did and the server has not acknowledged yet: messages, edits and deletions, in order,
// on this machine's disk. It is sent again, with the same cid, until there is an answer; the server stores it once.

export class Outbox extends EventTarget {
    items = []; // {n, cid, user, type, room, id?, text?, timestamp, state: 'waiting' | 'failed', code?}
    #db;
    #last = 0;
    #user = null;

    constructor(db) {
        super();
        this.#db = db;
    }

    // what an earlier page of this user left
    async load(user) {
        if (this.#user === user)
            return;
        this.#user = user;
        const left = (await this.#db.all('outbox')).filter((item) => item.user === user);
        this.items = [...left, ...this.items.filter((item) => item.user === user && !left.some((l) => l.cid === item.cid))];
        this.#last = Math.max(this.#last, ...this.items.map((item) => item.n), 0);
    }

    add(item) {
        const full = {state: 'waiting', timestamp: Date.now(), n: this.#next(), ...item};
        this.items.push(full);
        this.#keep(full);
        this.#tell('added', full);
        return full;
    }

    // the time leads, so that what two tabs write has one order, too
    #next() {
        this.#last = Math.max(this.#last + 1, Date.now() * 1000);
        return this.#last;
    }

    find(cid) { return this.items.find((item) => item.cid === cid); }
    get first() { return this.items.find((item) => item.state === 'waiting'); }

    // it is on the server, or given up
    remove(item) {
        this.items = this.items.filter((other) => other !== item);
        this.#db.del('outbox', item.n).catch(() => {});
    }

    change(item, values) {
        Object.assign(item, values);
        this.#keep(item);
        this.#tell('changed', item);
    }

    clear() {
        this.#user = null;
        for (const item of [...this.items])
            this.remove(item);
    }

    #keep(item) {
        this.#db.put('outbox', item.n, {...item}).catch(() => {});
    }

    #tell(type, item) {
        this.dispatchEvent(new CustomEvent(type, {detail: item}));
    }
}
