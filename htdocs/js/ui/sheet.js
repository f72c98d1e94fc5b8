// sheet.js -- the nodes of the log: rows that stay keep theirs, so that focus, selection and sight stay, too.

import {el} from '../lib/dom.js';
import {lang, t} from '../lib/i18n.js';
import {dayLabel, untilMidnight} from '../lib/time.js';
import {drawMessage, makeMessage} from './message.js';

export class Sheet {
    #list;
    #sight;
    #nodes = new Map(); // by the key of the row

    // `again` is called when "Today" has become "Yesterday"
    constructor(list, sight, signal, again) {
        this.#list = list;
        this.#sight = sight;
        let timer;
        const midnight = () => {
            timer = setTimeout(() => {
                again();
                midnight();
            }, untilMidnight(Date.now()) + 50);
        };
        midnight();
        signal.addEventListener('abort', () => clearTimeout(timer));
    }

    has(key) { return this.#nodes.has(key); }
    get(key) { return this.#nodes.get(key); }

    clear() {
        this.#sight.clear();
        this.#nodes.clear();
        this.#list.replaceChildren();
    }

    draw(wanted, room) {
        const keep = new Set(wanted.map((row) => row.key));
        for (const [key, node] of this.#nodes)
            if (!keep.has(key)) {
                this.#sight.unwatch(node);
                node.remove();
                this.#nodes.delete(key);
            }
        wanted.forEach((row, i) => {
            const node = this.#nodes.get(row.key) ?? this.#make(row);
            this.#update(node, row, room);
            if (this.#list.children[i] !== node)
                this.#list.insertBefore(node, this.#list.children[i] ?? null);
        });
    }

    #make(row) {
        const node = row.kind === 'message' ? makeMessage() : el('div', {class: row.kind === 'day' ? 'day' : 'new-line', role: 'separator'}, el('span', {}));
        this.#nodes.set(row.key, node);
        return node;
    }

    #update(node, row, room) {
        if (row.kind === 'message') {
            const unseen = node.dataset.id === undefined;
            drawMessage(node, row, room);
            if (unseen && node.dataset.id !== undefined)
                this.#sight.watch(node);
            return;
        }
        const text = row.kind === 'new' ? t('new_messages') : dayLabel(row.timestamp, Date.now(), lang, t);
        if (node.firstChild.textContent !== text)
            node.firstChild.textContent = text;
    }
}
