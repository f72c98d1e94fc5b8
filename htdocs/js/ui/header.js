// header.js -- <chat-header>: the room, its topic, and the ways to its members and out to the drawers.

import {el} from '../lib/dom.js';
import {icon} from '../lib/icon.js';
import {t} from '../lib/i18n.js';
import {roomInfo} from './dialogs/room-info.js';
import {at, Part} from './part.js';

class ChatHeader extends Part {
    build() {
        this.heading = el('h1', {});
        this.topic = el('p', {class: 'topic', dir: 'auto'});
        this.append(
            this.#button('menu', 'rooms', {'data-drawer-open': 'rooms', class: 'icon-button narrow'}),
            el('div', {class: 'room-title'}, this.heading, this.topic),
            this.info = this.#button('info', 'room_info', {class: 'icon-button', onclick: () => roomInfo(at.store.here)}),
            this.#button('people', 'online', {'data-drawer-open': 'people', class: 'icon-button narrow-people'}));
        this.hear(at.store, 'current room rooms people', () => this.#show());
        this.#show();
    }

    #button(sign, label, attributes) {
        return el('button', {type: 'button', 'aria-label': t(label), title: t(label), ...attributes}, icon(sign));
    }

    #show() {
        const room = at.store.here;
        this.info.hidden = !room;
        if (!room)
            return this.heading.replaceChildren();
        const sign = {public: 'room', private: 'lock', direct: 'direct'}[room.kind];
        const name = room.kind === 'direct' ? at.store.displayName(room.name) : room.name;
        this.heading.replaceChildren(icon(sign), el('bdi', {}, name));
        this.topic.textContent = room.topic ?? '';
        this.topic.hidden = !room.topic;
    }
}

customElements.define('chat-header', ChatHeader);
