// app-shell.js -- <chat-app>: the entrance or the frame, which drawer is open on a phone, the room in the address, and
// the keys that work everywhere.

import {copy} from '../lib/dom.js';
import {translate} from '../lib/i18n.js';
import {at, Part} from './part.js';
import './composer.js';
import './connection.js';
import './enter.js';
import './header.js';
import './log.js';
import './people.js';
import './rooms.js';
import './typing.js';
import {jump} from './dialogs/jump.js';
import {shortcuts} from './dialogs/shortcuts.js';

class ChatApp extends Part {
    #shown = null; // the room that was looked at last
    #asked = 0; // the room to be shown as soon as it is known

    build() {}

    start(given) {
        Object.assign(at, given);
        const {store} = at;
        this.hear(store, 'me status', () => this.#show());
        this.hear(store, 'status', () => store.status.phase === 'online' && (this.#asked = 0));
        this.hear(store, 'rooms', () => this.#choose());
        this.hear(store, 'current', () => this.#moved());
        this.hear(window, 'hashchange', () => this.#ask());
        this.hear(document, 'keydown', (event) => this.#key(event));
        this.hear(this, 'click', (event) => this.#click(event));
    }

    open(room) {
        if (at.store.room(room))
            at.store.look(room);
    }

    #show() {
        const {me, status} = at.store;
        const want = me ? 'frame' : status.phase === 'connecting' ? null : 'enter';
        if (!want || this.firstElementChild?.dataset.kind === want)
            return;
        const content = copy(want);
        content.dataset.kind = want;
        const shown = want === 'enter' ? Object.assign(document.createElement('chat-enter'), {content}) : content;
        shown.dataset.kind = want;
        translate(content);
        this.replaceChildren(shown);
        if (want === 'frame')
            this.#ask();
    }

    // for the room of the address, or the one of last time
    #ask() {
        this.#asked = Number(location.hash.slice(1)) || Number(localStorage.getItem('chatterbox-room'));
        this.#choose();
    }

    // what is asked for may be known only after the welcome: until then, the first room
    #choose() {
        const {store} = at;
        const asked = this.#asked;
        if (store.room(asked))
            return store.look(asked);
        const first = store.rooms.keys().next().value;
        if (store.here || first === undefined)
            return;
        store.look(first);
        this.#asked = asked;
    }

    #moved() {
        const id = at.store.current;
        this.#asked = 0;
        if (this.#shown !== null) // the first room comes by itself, maybe after a drawer was opened
            this.#drawer(null);
        this.#shown = id;
        if (id === null)
            return;
        localStorage.setItem('chatterbox-room', id);
        if (location.hash !== `#${id}`)
            history.replaceState(null, '', `#${id}`);
    }

    // 'rooms', 'people' or null; the focus goes with it, and back to the button that opened it
    #drawer(name) {
        const frame = this.querySelector('.frame');
        const before = frame?.dataset.drawer ?? null;
        if (!frame || before === name)
            return;
        if (name)
            frame.dataset.drawer = name;
        else
            delete frame.dataset.drawer;
        frame.querySelector(name ? `[data-drawer-name=${name}]` : `[data-drawer-open=${before}]`).focus();
    }

    #click(event) {
        const {target} = event;
        const asked = target.closest('[data-drawer-open]')?.dataset.drawerOpen;
        if (asked)
            this.#drawer(this.querySelector('.frame').dataset.drawer === asked ? null : asked);
        else if (target.matches('.shade'))
            this.#drawer(null);
        else if (target.matches('.skip')) {
            event.preventDefault(); // the address names the room
            document.dispatchEvent(new CustomEvent('chat:write'));
        }
    }

    #key(event) {
        if (!at.store.me || document.querySelector('dialog[open]'))
            return;
        const typing = event.target.closest?.('input, textarea, [contenteditable], emoji-picker');
        if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k')
            jump();
        else if (event.key === '?' && !typing)
            shortcuts();
        else if (event.altKey && ['ArrowUp', 'ArrowDown'].includes(event.key))
            this.#step(event.key === 'ArrowUp' ? -1 : 1);
        else if (event.key === 'Escape' && this.querySelector('.frame')?.dataset.drawer)
            this.#drawer(null);
        else
            return;
        event.preventDefault();
    }

    #step(by) {
        const ids = [...this.querySelectorAll('chat-rooms [data-room]')].map((node) => Number(node.dataset.room));
        const to = ids[(ids.indexOf(at.store.current) + by + ids.length) % ids.length];
        if (to !== undefined)
            at.store.look(to);
    }
}

customElements.define('chat-app', ChatApp);
