// log-acts.js -- what one does with a message of the log: by its buttons, or with the keys.

import {wish} from '../lib/dom.js';
import {confirmDelete} from './dialogs/confirm.js';
import {editIn} from './editor.js';
import {at} from './part.js';

// `log` has: room, sheet, toEnd(), draw()
export class Acts {
    #log;

    constructor(log, box) {
        this.#log = log;
        log.hear(box, 'click', (event) => this.#click(event));
        log.hear(box, 'keydown', (event) => this.#key(event, box.firstElementChild));
        log.hear(box, 'focusin', ({target}) => this.#reach(target, 0));
        log.hear(box, 'focusout', ({target}) => this.#reach(target, -1));
        log.hear(document, 'chat:edit-last', () => this.#editLast());
    }

    #message(node) {
        const key = node.closest('.message')?.dataset.key;
        return this.#log.room?.timeline.items.find((m) => m.key === key);
    }

    #click({target}) {
        const person = target.closest('[data-author], .mention')?.dataset;
        if (person) {
            const username = person.author ?? person.name;
            return at.store.isMe(username) ? undefined : wish(this.#log, 'direct', {username}).catch(() => {});
        }
        const act = target.closest('[data-act]')?.dataset.act;
        const message = act && this.#message(target);
        if (act === 'edit')
            this.#edit(message);
        else if (act === 'remove')
            this.#remove(message);
        else if (act)
            wish(this.#log, act, {message});
    }

    // the buttons are hidden while the dialog has the focus, so it comes back to the message
    #remove(message) {
        confirmDelete(message, () => wish(this.#log, 'remove', {message}), () => this.#log.sheet.get(message.key)?.focus());
    }

    #edit(message) {
        const node = this.#log.sheet.get(message.key);
        if (node)
            editIn(node, message, (text) => wish(this.#log, 'edit', {message, text}), () => this.#log.draw());
    }

    #editLast() {
        const last = this.#log.room?.timeline.items.findLast((m) => at.store.isMe(m.username) && !m.deleted && m.state !== 'deleting');
        if (!last)
            return;
        if (!this.#log.sheet.has(last.key))
            this.#log.toEnd();
        this.#edit(last);
    }

    // only the buttons of the message that has the focus are stops of Tab: hundreds of them would be a wall
    #reach(target, tabIndex) {
        for (const button of target.closest('.message')?.querySelectorAll('.author, .mention, .receipt') ?? [])
            button.tabIndex = tabIndex;
    }

    // up and down between messages; their buttons are reached by Tab from there
    #key(event, list) {
        const up = event.key === 'ArrowUp';
        if ((!up && event.key !== 'ArrowDown') || event.altKey || event.target.closest('textarea, input'))
            return;
        const messages = [...list.querySelectorAll('.message')];
        const here = messages.indexOf(event.target.closest('.message'));
        const next = here < 0 ? messages.at(up ? -1 : 0) : messages[here + (up ? -1 : 1)];
        if (!next)
            return;
        event.preventDefault();
        next.focus();
    }
}
