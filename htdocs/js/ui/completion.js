// completion.js -- names after @ and emoji after : are offered while one writes; arrows choose, Enter or Tab takes.

import {el} from '../lib/dom.js';
import {t} from '../lib/i18n.js';
import {searchEmoji} from './emoji.js';
import {at} from './part.js';

const MOST = 8;

function searchNames(part) {
    const {store} = at;
    const known = new Set([...store.online, ...(store.here?.marks.keys() ?? []), ...(store.here?.timeline.items.map((m) => m.username) ?? [])]);
    return [...known]
        .filter((name) => !store.isMe(name) && (name.toLowerCase().startsWith(part) || store.displayName(name).toLowerCase().startsWith(part)))
        .sort().slice(0, MOST)
        .map((name) => ({text: `@${name} `, label: store.displayName(name), hint: `@${name}`}));
}

const kinds = [
    {before: /(^|\s)@([\p{L}\p{N}._-]*)$/u, search: async (part) => searchNames(part.toLowerCase())},
    {before: /(^|\s):([a-z0-9_+-]{2,}):?$/i, search: async (part) => (await searchEmoji(part.toLowerCase(), MOST)).map(({unicode, name}) => ({text: `${unicode} `, label: unicode, hint: `:${name}:`}))}
];

export class Completion {
    #area;
    #list;
    #found = [];
    #chosen = 0;
    #start = 0;
    #turn = 0;

    constructor(area, host) {
        this.#area = area;
        this.#list = el('ul', {class: 'completion', role: 'listbox', id: 'completion', 'aria-label': t('suggestions'), hidden: true});
        host.append(this.#list);
        area.setAttribute('aria-controls', 'completion');
        area.setAttribute('aria-autocomplete', 'list');
        area.addEventListener('input', () => this.#look());
        area.addEventListener('blur', () => this.#close());
        this.#list.addEventListener('pointerdown', (event) => {
            event.preventDefault(); // the focus stays where one writes
            const row = event.target.closest('li');
            if (row)
                this.#take([...this.#list.children].indexOf(row));
        });
    }

    async #look() {
        const turn = ++this.#turn;
        const before = this.#area.value.slice(0, this.#area.selectionStart);
        for (const kind of kinds) {
            const match = kind.before.exec(before);
            if (!match)
                continue;
            const found = await kind.search(match[2]).catch(() => []);
            if (turn !== this.#turn)
                return;
            this.#start = match.index + match[1].length;
            return this.#show(found);
        }
        this.#close();
    }

    #show(found) {
        this.#found = found;
        this.#chosen = 0;
        this.#list.hidden = found.length === 0;
        this.#list.replaceChildren(...found.map(({label, hint}, i) =>
            el('li', {role: 'option', id: `completion-${i}`}, el('bdi', {}, label), el('small', {}, hint))));
        this.#mark();
    }

    #mark() {
        [...this.#list.children].forEach((row, i) => row.setAttribute('aria-selected', String(i === this.#chosen)));
        if (this.#found.length > 0)
            this.#area.setAttribute('aria-activedescendant', `completion-${this.#chosen}`);
        else
            this.#area.removeAttribute('aria-activedescendant');
    }

    #close() {
        ++this.#turn;
        this.#show([]);
    }

    #take(i) {
        const {text} = this.#found[i];
        this.#area.setRangeText(text, this.#start, this.#area.selectionStart, 'end');
        this.#close();
        this.#area.dispatchEvent(new Event('input'));
    }

    // true: the key was for the list
    key(event) {
        const n = this.#found.length;
        if (n === 0 || event.shiftKey || event.ctrlKey || event.altKey)
            return false;
        if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
            this.#chosen = (this.#chosen + (event.key === 'ArrowDown' ? 1 : n - 1)) % n;
            this.#mark();
        } else if (event.key === 'Enter' || event.key === 'Tab') {
            this.#take(this.#chosen);
        } else if (event.key === 'Escape') {
            this.#close();
            event.stopPropagation();
        } else {
            return false;
        }
        event.preventDefault();
        return true;
    }
}
