// people.js -- <chat-people>: who of this room is online, live; a click on a name opens a direct room.

import {avatar, el, once, wish} from '../lib/dom.js';
import {icon} from '../lib/icon.js';
import {t} from '../lib/i18n.js';
import {at, Part} from './part.js';

const SEARCH_ABOVE = 20;
const SHOWN = 200; // names in the list; the search finds the others

class ChatPeople extends Part {
    #room;
    #members = null; // user names of a room that not everybody is in
    #paged = []; // names fetched where they are not announced (over 500 online)

    build() {
        this.count = el('span', {class: 'count'});
        this.search = el('input', {type: 'search', 'aria-label': t('search_people'), placeholder: t('search_people')});
        this.list = el('ul', {});
        this.more = el('button', {class: 'quiet', type: 'button', onclick: () => this.#page()}, t('show_more'));
        this.append(el('div', {class: 'heading'}, el('h2', {}, t('online'), ' ', this.count)), this.search, this.list, this.more);
        this.show = once(() => this.#show());
        this.hear(at.store, 'people room', this.show);
        // a room that is new may come after the look at it
        this.hear(at.store, 'current rooms', () => at.store.here !== this.#room && this.#load());
        this.hear(at.store, 'status', () => at.store.status.phase === 'online' && this.#load());
        this.hear(this.search, 'input', this.show);
        this.#load();
    }

    // who is in the room, where that is not everybody; their display names come with it
    async #load() {
        const room = this.#room = at.store.here;
        this.#members = null;
        this.#paged = [];
        this.show();
        if (!room || at.store.status.phase !== 'online')
            return;
        try {
            const page = await wish(this, 'members', {room, after: '', online: room.id === 1});
            if (at.store.here !== room)
                return;
            const names = page.members.map((member) => member.username);
            if (room.id === 1)
                this.#paged = names;
            else
                this.#members = new Set(names);
            this.#more(page.more);
        } catch {
            this.#more(false);
        }
    }

    #more(more) { this.more.hidden = !more || (at.store.online.size > 0 && !this.#members); }

    async #page() {
        const room = at.store.here;
        const names = this.#members ? [...this.#members] : this.#paged;
        const page = await wish(this, 'members', {room, after: names.at(-1), online: !this.#members}).catch(() => null);
        if (!page || at.store.here !== room)
            return;
        for (const {username} of page.members)
            this.#members ? this.#members.add(username) : this.#paged.push(username);
        this.#more(page.more);
        this.show();
    }

    #names() {
        const {online} = at.store;
        if (this.#members)
            return [...this.#members].filter((name) => online.size === 0 || online.has(name));
        return online.size > 0 ? [...online] : this.#paged;
    }

    #show() {
        const {store} = at;
        const all = this.#names();
        const asked = this.search.value.trim().toLowerCase();
        const names = all
            .filter((name) => !asked || name.toLowerCase().includes(asked) || store.displayName(name).toLowerCase().includes(asked))
            .sort((a, b) => store.displayName(a).localeCompare(store.displayName(b)));
        this.count.textContent = this.#members ? all.length : store.onlineCount;
        this.search.hidden = all.length <= SEARCH_ABOVE && !asked;
        this.#fill(names.slice(0, SHOWN));
    }

    #fill(names) {
        const known = new Map([...this.list.children].map((node) => [node.dataset.name, node]));
        const wanted = names.map((name) => this.#row(name, known.get(name)));
        wanted.forEach((node, i) => this.list.children[i] === node || this.list.insertBefore(node, this.list.children[i] ?? null));
        while (this.list.children.length > wanted.length)
            this.list.lastChild.remove();
    }

    #row(name, known) {
        const display = at.store.displayName(name);
        if (known?.dataset.display === display)
            return known;
        const mine = at.store.isMe(name);
        const face = avatar(name, display);
        face.setAttribute('data-online', '');
        const button = el('button', {type: 'button', class: 'person', disabled: mine, title: mine ? null : t('write_to', {name: display}),
            onclick: () => wish(this, 'direct', {username: name}).catch(() => {})},
            face, el('bdi', {class: 'name'}, display), mine ? el('small', {}, t('you')) : icon('direct'));
        return el('li', {data: {name, display}}, button);
    }
}

customElements.define('chat-people', ChatPeople);
