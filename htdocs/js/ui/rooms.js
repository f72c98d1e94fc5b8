// rooms.js -- <chat-rooms>: my rooms with what is unread in them, my direct rooms, and myself.

import {avatar, el, once} from '../lib/dom.js';
import {icon} from '../lib/icon.js';
import {t} from '../lib/i18n.js';
import {browse} from './dialogs/browse.js';
import {jump} from './dialogs/jump.js';
import {settings} from './dialogs/settings.js';
import {at, Part} from './part.js';

class ChatRooms extends Part {
    build() {
        this.lists = {rooms: el('ul', {}), direct: el('ul', {})};
        this.me = el('button', {class: 'me', type: 'button', onclick: settings});
        this.append(
            el('div', {class: 'brand'}, el('img', {src: 'icons/icon.svg', alt: '', width: 28, height: 28}), el('strong', {}, 'Chatterbox')),
            el('button', {class: 'search', type: 'button', onclick: jump}, icon('search'), el('span', {}, t('jump_to')), el('kbd', {}, 'Ctrl K')),
            el('div', {class: 'lists'},
                this.#heading('rooms', 'browse', browse), this.lists.rooms,
                this.#heading('direct_rooms', 'new_direct', jump), this.lists.direct),
            this.me);
        this.show = once(() => this.#show());
        this.hear(at.store, 'rooms room unread current people me', this.show);
        this.#show();
    }

    #heading(text, label, onclick) {
        return el('div', {class: 'heading'}, el('h2', {}, t(text)),
            el('button', {class: 'icon-button', type: 'button', 'aria-label': t(label), title: t(label), onclick}, icon('add')));
    }

    #show() {
        const {rooms, me} = at.store;
        const all = [...rooms.values()].filter((room) => room.kind);
        const byName = (a, b) => (a.id === 1 ? -1 : b.id === 1 ? 1 : a.name.localeCompare(b.name));
        const newest = (a, b) => b.last_id - a.last_id;
        this.#fill(this.lists.rooms, all.filter((room) => room.kind !== 'direct').sort(byName));
        this.#fill(this.lists.direct, all.filter((room) => room.kind === 'direct').sort(newest));
        if (me)
            this.me.replaceChildren(avatar(me.username, me.display_name),
                el('span', {class: 'who'}, el('bdi', {}, me.display_name), el('small', {}, t(me.guest ? 'guest' : 'account'))), icon('gear'), el('span', {class: 'visually-hidden'}, t('settings')));
    }

    // keeps the nodes, and with them the focus
    #fill(list, rooms) {
        const known = new Map([...list.children].map((node) => [Number(node.firstChild.dataset.room), node]));
        const wanted = rooms.map((room) => this.#row(room, known.get(room.id)));
        wanted.forEach((node, i) => list.children[i] === node || list.insertBefore(node, list.children[i] ?? null));
        while (list.children.length > wanted.length)
            list.lastChild.remove();
    }

    #row(room, known) {
        const li = known ?? el('li', {}, el('button', {type: 'button', class: 'room', data: {room: room.id}, onclick: () => at.store.look(room.id)}));
        const button = li.firstChild;
        const name = room.kind === 'direct' ? at.store.displayName(room.name) : room.name;
        const here = room.id === at.store.current;
        const state = JSON.stringify([name, room.unread, here, room.kind, at.store.online.has(room.name)]);
        if (button.dataset.shown === state)
            return li;
        button.dataset.shown = state;
        button.setAttribute('aria-current', here ? 'page' : 'false');
        button.classList.toggle('unread', room.unread > 0);
        button.replaceChildren(
            room.kind === 'direct' ? this.#face(room.name, name) : icon(room.kind === 'private' ? 'lock' : 'room'),
            el('bdi', {class: 'name'}, name));
        if (room.unread > 0)
            button.append(el('span', {class: 'count', 'aria-hidden': 'true'}, room.unread > 999 ? '999+' : String(room.unread)),
                el('span', {class: 'visually-hidden'}, ` ${t('unread', {n: room.unread})}`));
        return li;
    }

    #face(username, name) {
        const face = avatar(username, name);
        face.toggleAttribute('data-online', at.store.online.has(username));
        return face;
    }
}

customElements.define('chat-rooms', ChatRooms);
