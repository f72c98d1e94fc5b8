// composer.js -- <chat-composer>: where one writes. What is written survives a reload, for each room.

import {el, isComposing, once, wish} from '../lib/dom.js';
import {icon} from '../lib/icon.js';
import {t} from '../lib/i18n.js';
import {Completion} from './completion.js';
import {toggleEmoji} from './emoji.js';
import {grow} from './grow.js';
import {at, Part} from './part.js';

const WARN_BELOW = 200; // bytes that are left

class ChatComposer extends Part {
    #room = null;

    build() {
        this.area = el('textarea', {rows: 1, dir: 'auto', 'aria-label': t('write'), enterkeyhint: 'send', autocomplete: 'off'});
        this.left = el('span', {class: 'left', role: 'status'});
        this.emoji = el('button', {class: 'icon-button', type: 'button', 'aria-label': t('emoji'), title: t('emoji'), 'aria-expanded': 'false',
            onclick: () => toggleEmoji(this, this.emoji, (text) => this.#insert(text))}, icon('emoji'));
        this.button = el('button', {class: 'send', type: 'submit', 'aria-label': t('send'), title: t('send')}, icon('send'));
        this.form = el('form', {class: 'write'}, this.area, this.left, this.emoji, this.button);
        this.append(this.form);
        grow(this.area);
        this.completion = new Completion(this.area, this);
        this.keep = once(() => this.#keep());
        this.hear(this.form, 'submit', (event) => { event.preventDefault(); this.#send(); });
        this.hear(this.area, 'keydown', (event) => this.#key(event));
        this.hear(this.area, 'input', () => this.#written());
        this.hear(at.store, 'current room rooms', () => this.#enter());
        this.hear(window, 'pagehide', () => this.#keep());
        this.hear(document, 'chat:write', () => this.area.focus());
        this.#enter();
    }

    #enter() {
        const room = at.store.here;
        if (room) {
            const name = room.kind === 'direct' ? at.store.displayName(room.name) : room.name;
            this.area.placeholder = t('write_to', {name});
        }
        if (room?.id === this.#room)
            return;
        this.#keep();
        const early = this.#room === null ? this.area.value : ''; // written before there was a room
        this.#room = room?.id ?? null;
        this.area.value = ((this.#room && localStorage.getItem(this.#draft)) ?? '') + early;
        this.area.dispatchEvent(new Event('input'));
        if (matchMedia('(pointer: fine)').matches)
            this.#takeFocus();
    }

    // now, or when the dialog that led here has given the focus back
    #takeFocus() {
        const dialog = document.querySelector('dialog[open]');
        if (dialog)
            dialog.addEventListener('close', () => this.area.focus());
        else
            this.area.focus();
    }

    get #draft() { return `chatterbox-draft/${at.store.me?.username}/${this.#room}`; }

    #keep() {
        if (!this.#room || !at.store.me)
            return;
        if (this.area.value)
            localStorage.setItem(this.#draft, this.area.value);
        else
            localStorage.removeItem(this.#draft);
    }

    #written() {
        const bytes = new TextEncoder().encode(this.area.value).length;
        const left = at.store.limits.text_bytes - bytes;
        this.left.textContent = left < WARN_BELOW ? String(left) : '';
        this.toggleAttribute('data-too-long', left < 0);
        this.button.disabled = left < 0 || !this.area.value.trim();
        this.keep();
        if (this.area.value.trim() && document.activeElement === this.area && this.#room)
            wish(this, 'typing', {room: this.#room});
    }

    #key(event) {
        if (isComposing(event) || this.completion.key(event))
            return;
        const enter = event.key === 'Enter';
        const plain = !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey;
        const sends = at.settings.get('enterSends') ? plain : event.shiftKey || event.ctrlKey || event.metaKey;
        if (enter && sends) {
            event.preventDefault();
            this.#send();
        } else if (event.key === 'ArrowUp' && plain && !this.area.value) {
            event.preventDefault();
            document.dispatchEvent(new CustomEvent('chat:edit-last'));
        }
    }

    #send() {
        const text = this.area.value.trim();
        if (!text || this.button.disabled || !this.#room)
            return;
        this.area.value = '';
        this.area.dispatchEvent(new Event('input'));
        this.#keep();
        wish(this, 'say', {room: this.#room, text});
        document.dispatchEvent(new CustomEvent('chat:said'));
        this.area.focus();
    }

    #insert(text) {
        this.area.setRangeText(text, this.area.selectionStart, this.area.selectionEnd, 'end');
        this.area.dispatchEvent(new Event('input'));
        this.area.focus();
    }
}

customElements.define('chat-composer', ChatComposer);
