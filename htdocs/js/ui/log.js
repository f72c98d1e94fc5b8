// log.js -- <chat-log>: the conversation, drawn from a window of the room's timeline.

import {el, once, wish} from '../lib/dom.js';
import {icon} from '../lib/icon.js';
import {t} from '../lib/i18n.js';
import {plain} from '../lib/markup.js';
import {Acts} from './log-acts.js';
import {Window} from './log-window.js';
import {at, Part} from './part.js';
import {rows} from './rows.js';
import {Scroller} from './scroller.js';
import {Sheet} from './sheet.js';
import {Sight} from './sight.js';

const EDGE = 900; // px from an edge where more come in
const FULL = 1000; // messages of a room that is followed for long, before the oldest are let go
const BACK = 8; // older pages that are fetched to find the first unread message

class ChatLog extends Part {
    room = null;
    #window = new Window();
    #newAfter = null; // the line of what is new stands behind this id
    #away = null; // the newest id when the reader left the end
    #placed = false;

    build() {
        this.list = el('div', {class: 'list'});
        this.box = el('div', {class: 'scroll', role: 'log', 'aria-live': 'off', 'aria-label': t('messages'), tabindex: '0'}, this.list);
        this.said = el('div', {class: 'visually-hidden', 'aria-live': 'polite'}); // the log itself also grows at its top
        this.down = el('button', {class: 'down', type: 'button', onclick: () => this.#jump()}, icon('down'), el('span', {class: 'count'}));
        this.append(this.box, this.down, this.said);
        this.scroller = new Scroller(this.box, this.list, this.gone.signal, () => this.#scrolled());
        this.sight = new Sight(this.box, this.gone.signal, () => this.#advance());
        this.sheet = new Sheet(this.list, this.sight, this.gone.signal, () => this.draw());
        this.acts = new Acts(this, this.box);
        this.draw = once(() => this.#draw());
        this.hear(at.store, 'current rooms', () => this.#enter());
        this.hear(at.store, 'timeline', ({detail}) => detail.room === this.room && this.#changed(detail));
        this.hear(at.store, 'marks people me', this.draw);
        this.hear(at.store, 'arrived', ({detail}) => detail.room === this.room && !detail.late && this.#arrived(detail.message));
        this.hear(at.store, 'status', () => this.#advance());
        this.hear(document, 'chat:said', () => {
            this.#newAfter = null;
            this.#jump();
        });
        this.#enter();
    }

    // -- which room, and where in it --

    #enter() {
        const room = at.store.here ?? null;
        if (room === this.room)
            return;
        this.room = room;
        this.#placed = false;
        this.#away = null;
        this.sheet.clear();
        this.said.textContent = '';
        this.scroller.following = true;
        if (room)
            this.#place();
    }

    // once there are messages: at the first that is unread, or at the end
    async #place() {
        const {room} = this;
        const {timeline} = room;
        if (timeline.items.length === 0) {
            this.#placed = room.loaded === true; // into an empty room comes what is new, not what was missed
            this.#window.place(0, -1);
            return this.draw();
        }
        for (let i = 0; i < BACK && timeline.more && this.#firstUnread() === 0; ++i)
            if (!await wish(this, 'older', {room}).catch(() => 0))
                break;
        if (this.room !== room || this.#placed)
            return;
        this.#placed = true;
        const first = this.#firstUnread();
        this.#newAfter = first < 0 ? null : timeline.items[first].id - 1;
        this.#window.place(timeline.items.length, first);
        this.scroller.following = first < 0;
        this.#draw();
        const line = this.list.querySelector('.new-line');
        if (line)
            this.scroller.show(line);
    }

    // counted from the end, as `unread` is: where it stands in the timeline, -1 where there is none
    #firstUnread() {
        const {unread, timeline: {items}} = this.room;
        let [left, i] = [unread, items.length];
        while (left > 0 && i > 0)
            if (items[--i].id !== undefined && !items[i].deleted && !at.store.isMe(items[i].username))
                --left;
        return unread > 0 ? i : -1;
    }

    #changed({reset, older}) {
        if (this.said.message?.deleted)
            this.said.textContent = '';
        if (reset || !this.#placed) {
            this.#placed = false;
            return void this.#place();
        }
        if (older)
            this.#window.shift(older);
        this.draw();
    }

    // -- drawing --

    #draw() {
        const {room} = this;
        if (!room)
            return;
        const {items} = room.timeline;
        this.box.classList.toggle('empty', room.loaded === true && items.length === 0);
        this.box.dataset.empty = t('empty_room');
        if (!this.#placed && items.length > 0)
            return void this.#place();
        if (items.length > FULL && this.scroller.following && this.#window.atNewest)
            this.#window.cut(room.timeline.trim());
        this.#window.follow(items.length, this.scroller.following);
        const {from, to} = this.#window;
        this.scroller.keep(() => this.sheet.draw(rows(items, from, to, this.#newAfter, (name) => at.store.isMe(name)), room));
        this.#showDown();
    }

    // -- moving --

    #scrolled() {
        const {timeline} = this.room ?? {};
        if (!timeline || !this.#placed)
            return;
        if (this.scroller.fromTop < EDGE && this.#window.from > 0) {
            this.#window.up();
            this.draw();
        } else if (this.scroller.fromTop < EDGE && timeline.more) {
            wish(this, 'older', {room: this.room}).catch(() => {});
        } else if (this.scroller.fromEnd < EDGE && !this.#window.atNewest) {
            this.scroller.following = false;
            this.#window.down(timeline.items.length);
            this.draw();
        }
        this.#showDown();
    }

    toEnd() {
        if (!this.room)
            return;
        this.#window.place(this.room.timeline.items.length, -1);
        this.scroller.following = true;
        this.#draw();
    }

    // who jumps over the rest, or answers below it, says that it is read
    #jump() {
        this.toEnd();
        const {newest} = this.room.timeline;
        if (newest)
            wish(this, 'read', {room: this.room, id: newest.id});
    }

    #showDown() {
        const {newest, items} = this.room.timeline;
        const atEnd = this.scroller.following && this.#window.atNewest;
        this.#away = atEnd ? null : this.#away ?? newest?.id ?? 0;
        const missed = atEnd ? 0 : items.filter((m) => m.id > this.#away && !at.store.isMe(m.username)).length;
        this.down.hidden = atEnd || (this.#window.atNewest && this.scroller.fromEnd < 200 && missed === 0);
        this.down.lastChild.textContent = missed || '';
        this.down.setAttribute('aria-label', missed ? t('down_new', {n: missed}) : t('down'));
    }

    // -- what has been read --

    #arrived(message) {
        if (document.hidden || !document.hasFocus())
            this.#newAfter = this.room.timeline.items[this.#firstUnread()].id - 1;
        this.said.message = message;
        this.said.textContent = `${at.store.displayName(message.username)}: ${plain(message.text ?? '')}`;
    }

    // the mark goes up to the last of those that were all seen
    #advance() {
        const first = this.room ? this.#firstUnread() : -1;
        let upTo = 0;
        for (const message of first < 0 ? [] : this.room.timeline.settled.slice(first)) {
            if (!this.sight.has(message.id) && !message.deleted && !at.store.isMe(message.username))
                break;
            upTo = message.id;
        }
        if (upTo > 0)
            wish(this, 'read', {room: this.room, id: upTo});
    }
}

customElements.define('chat-log', ChatLog);
