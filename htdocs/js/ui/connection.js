// connection.js -- <chat-connection>: a quiet line while the connection is lost, with the seconds until the next try.

import {el, wish} from '../lib/dom.js';
import {t} from '../lib/i18n.js';
import {at, Part} from './part.js';

const PATIENCE_MS = 1200; // a blink of the network is not worth a word

class ChatConnection extends Part {
    #since = 0;

    build() {
        this.line = el('span', {role: 'status'});
        this.button = el('button', {class: 'link', type: 'button', onclick: () => wish(this, 'hurry')}, t('try_now'));
        this.append(this.line, this.button);
        this.hear(at.store, 'status', () => this.#show());
        this.every(250, () => this.#show());
        this.#show();
    }

    #show() {
        const {phase, retryAt} = at.store.status;
        const lost = phase !== 'online';
        this.#since = lost ? this.#since || Date.now() : 0;
        this.hidden = !lost || Date.now() - this.#since < PATIENCE_MS;
        if (this.hidden)
            return;
        const n = Math.ceil((retryAt - Date.now()) / 1000);
        const text = n > 0 ? t('lost_retry', {n}) : t('lost');
        if (this.line.textContent !== text)
            this.line.textContent = text;
        this.button.hidden = n <= 1;
    }
}

customElements.define('chat-connection', ChatConnection);
