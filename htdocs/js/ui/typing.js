// typing.js -- <chat-typing>: "ada and bob are typing…", until 5 s after they stopped saying so.

import {list, t} from '../lib/i18n.js';
import {at, Part} from './part.js';

class ChatTyping extends Part {
    build() {
        this.setAttribute('aria-live', 'off'); // it comes and goes too often to be read out
        this.hear(at.store, 'typing current people', () => this.#show());
        this.every(500, () => this.#show());
    }

    #show() {
        const now = Date.now();
        const typing = at.store.here?.typing ?? new Map();
        for (const [name, until] of typing)
            if (until <= now)
                typing.delete(name);
        const names = [...typing.keys()].map((name) => at.store.displayName(name));
        const text = names.length === 0 ? '' : names.length > 3 ? t('many_typing') : t('typing', {n: names.length, names: list(names)});
        if (this.textContent !== text)
            this.textContent = text;
        this.toggleAttribute('data-active', text !== '');
    }
}

customElements.define('chat-typing', ChatTyping);
