// dialog.js -- a modal dialog with a title: the browser keeps the focus inside, Escape and a click outside close it.

import {el} from '../../lib/dom.js';
import {icon} from '../../lib/icon.js';
import {t} from '../../lib/i18n.js';

let count = 0;

// shows it and returns the <dialog>, which goes away when it is closed
export function openDialog(title, ...content) {
    const id = `dialog-${++count}`;
    const dialog = el('dialog', {'aria-labelledby': id},
        el('div', {class: 'sheet'},
            el('header', {}, el('h2', {id}, title),
                el('button', {class: 'icon-button', type: 'button', 'aria-label': t('close'), title: t('close'), onclick: () => dialog.close()}, icon('close'))),
            ...content));
    dialog.addEventListener('close', () => dialog.remove());
    dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
    // wishes rise through the page, of which the dialog is a part
    document.querySelector('chat-app').append(dialog);
    dialog.showModal();
    return dialog;
}

// a form's promise: what goes wrong stands under it, what goes right closes the dialog
export async function settle(form, promise) {
    const problem = form.querySelector('.problem');
    form.toggleAttribute('data-busy', true);
    try {
        await promise;
        form.closest('dialog')?.close();
    } catch (refusal) {
        problem.textContent = t(`error_${refusal.code ?? 'internal'}`, {seconds: refusal.retryAfter});
    } finally {
        form.removeAttribute('data-busy');
    }
}

export function field(label, input) {
    return el('label', {class: 'field'}, el('span', {}, label), input);
}

export function problem() {
    return el('p', {class: 'problem', role: 'alert'});
}
