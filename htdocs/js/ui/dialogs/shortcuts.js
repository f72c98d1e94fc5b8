// shortcuts.js -- the keys that one can use.

import {el} from '../../lib/dom.js';
import {t} from '../../lib/i18n.js';
import {at} from '../part.js';
import {openDialog} from './dialog.js';

export function shortcuts() {
    const sends = at.settings.get('enterSends');
    const keys = [
        [['Ctrl', 'K'], 'key_jump'], [['Alt', '↑'], 'key_before'], [['Alt', '↓'], 'key_after'],
        [[sends ? 'Enter' : 'Shift + Enter'], 'key_send'], [[sends ? 'Shift + Enter' : 'Enter'], 'key_break'],
        [['↑'], 'key_edit'], [['@'], 'key_name'], [[':'], 'key_emoji'], [['Esc'], 'key_close'], [['?'], 'key_help']
    ];
    openDialog(t('shortcuts'), el('dl', {class: 'keys'}, ...keys.map(([names, text]) =>
        el('div', {}, el('dt', {}, ...names.flatMap((name) => [el('kbd', {}, name), ' '])), el('dd', {}, t(text))))));
}
