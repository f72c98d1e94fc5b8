// settings.js -- what the user likes, kept in this browser. Events: the name of what has changed.

const KEY = 'chatterbox-settings';
const defaults = {theme: 'auto', enterSends: true, desktop: false, sound: true, lang: 'auto'};

export class Settings extends EventTarget {
    #values = {...defaults};

    constructor() {
        super();
        try {
            Object.assign(this.#values, JSON.parse(localStorage.getItem(KEY) ?? '{}'));
        } catch {
            // unreadable: the defaults will do
        }
    }

    get(name) { return this.#values[name]; }

    set(name, value) {
        this.#values[name] = value;
        try {
            localStorage.setItem(KEY, JSON.stringify(this.#values));
        } catch {
            // a full or forbidden storage: it holds for this page
        }
        this.dispatchEvent(new CustomEvent(name));
    }
}
