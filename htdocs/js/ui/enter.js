// enter.js -- <chat-enter>: a name is enough. The password is asked for only where the name has an account, or when the
// user makes one.

import {wish} from '../lib/dom.js';
import {t} from '../lib/i18n.js';
import {Part} from './part.js';

class ChatEnter extends Part {
    #mode = 'guest'; // guest, account (the name has one), new

    build() {
        this.replaceChildren(this.content);
        this.form = this.querySelector('form');
        this.problem = this.querySelector('.problem');
        this.hear(this.form, 'submit', (event) => this.#submit(event));
        this.hear(this.querySelector('[data-part=switch]'), 'click', () => this.#turn(this.#mode === 'guest' ? 'new' : 'guest'));
        this.hear(this.form.username, 'input', () => this.#mode === 'account' && this.#turn('guest'));
        this.#turn('guest');
        this.form.username.focus();
    }

    #turn(mode) {
        this.#mode = mode;
        const field = this.querySelector('[data-part=password]');
        field.hidden = mode === 'guest';
        this.form.password.value = '';
        this.form.password.autocomplete = mode === 'new' ? 'new-password' : 'current-password';
        this.querySelector('[type=submit]').textContent = t({guest: 'enter_guest', account: 'enter_account', new: 'enter_new'}[mode]);
        this.querySelector('[data-part=switch]').textContent = t(mode === 'guest' ? 'make_account' : 'without_account');
        this.#say('');
    }

    #say(text, field) {
        this.problem.textContent = text;
        for (const input of this.form.querySelectorAll('input'))
            input.setAttribute('aria-invalid', input === field);
        field?.focus();
    }

    async #submit(event) {
        event.preventDefault();
        const username = this.form.username.value.trim();
        const password = this.form.password.value;
        if (!username)
            return this.#say(t('name_missing'), this.form.username);
        if (this.#mode !== 'guest' && !password)
            return this.#say(t('password_missing'), this.form.password);
        this.form.toggleAttribute('data-busy', true);
        try {
            await (this.#mode === 'new' ? wish(this, 'register', {username, password}) : wish(this, 'login', {username, password}));
        } catch (refusal) {
            this.#refused(refusal);
        } finally {
            this.form.removeAttribute('data-busy');
        }
    }

    #refused({code, retryAfter}) {
        if (code === 'bad_credentials' && this.#mode === 'guest') {
            this.#turn('account');
            return this.#say(t('name_has_account'), this.form.password);
        }
        const onPassword = ['bad_credentials', 'weak_password'].includes(code);
        const key = code === 'name_taken' ? 'name_taken' : `error_${code}`;
        this.#say(t(key, {seconds: retryAfter}), onPassword ? this.form.password : this.form.username);
    }
}

customElements.define('chat-enter', ChatEnter);
