// idb.js -- IndexedDB with promises: the few calls that we need. Where there is none (a private window, say), all
// is kept in memory instead and is gone with the tab.

function promise(request) {
    return new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
}

class Memory {
    #stores = new Map();
    #of(name) {
        return this.#stores.get(name) ?? this.#stores.set(name, new Map()).get(name);
    }
    async get(store, key) { return this.#of(store).get(key); }
    async all(store) { return [...this.#of(store).entries()].sort().map(([, value]) => value); }
    async put(store, key, value) { this.#of(store).set(key, value); }
    async del(store, key) { this.#of(store).delete(key); }
    async clear() { this.#stores.clear(); }
}

class Database {
    #db;
    constructor(db) { this.#db = db; }
    #store(name, mode) { return this.#db.transaction(name, mode).objectStore(name); }
    get(store, key) { return promise(this.#store(store, 'readonly').get(key)); }
    // all values, in the order of their keys
    all(store) { return promise(this.#store(store, 'readonly').getAll()); }
    put(store, key, value) { return this.#write(store, (all) => all.put(value, key)); }
    del(store, key) { return this.#write(store, (all) => all.delete(key)); }
    // committed without waiting for the answer: a page that goes would not be there to get it
    #write(name, run) {
        const store = this.#store(name, 'readwrite');
        const done = promise(run(store));
        store.transaction.commit();
        return done;
    }
    async clear() {
        for (const name of this.#db.objectStoreNames)
            await promise(this.#store(name, 'readwrite').clear());
    }
}

// opens the database with these stores
export async function openDatabase(name, version, stores) {
    try {
        const request = indexedDB.open(name, version);
        request.onupgradeneeded = () => {
            for (const store of stores)
                if (!request.result.objectStoreNames.contains(store))
                    request.result.createObjectStore(store);
        };
        return new Database(await promise(request));
    } catch {
        return new Memory();
    }
}
