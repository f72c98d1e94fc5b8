// confirm.js -- is this message really to go? It cannot be brought back.

import {el} from '../../lib/dom.js';
import {t} from '../../lib/i18n.js';
import {plain} from '../../lib/markup.js';
import {openDialog} from './dialog.js';

// `closed` is called whatever was chosen
export function confirmDelete(message, run, closed) {
    const yes = el('button', {class: 'danger', type: 'button', onclick: () => { dialog.close(); run(); }}, t('delete'));
    const dialog = openDialog(t('delete_title'),
        el('p', {}, t('delete_text')),
        el('blockquote', {dir: 'auto'}, plain(message.text).slice(0, 300)),
        el('div', {class: 'row end'}, el('button', {class: 'quiet', type: 'button', onclick: () => dialog.close()}, t('cancel')), yes));
    dialog.addEventListener('close', closed);
    yes.focus();
}
