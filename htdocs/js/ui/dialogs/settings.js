// settings.js -- me and how I like it: name, password, look, keys, notices, and the way out.

import {el, wish} from '../../lib/dom.js';
import {t} from '../../lib/i18n.js';
import {at} from '../part.js';
import {field, openDialog, problem, settle} from './dialog.js';
import {shortcuts} from './shortcuts.js';

function select(name, options) {
    const node = el('select', {onchange: () => at.settings.set(name, node.value)}, ...options.map(([value, text]) => el('option', {value}, text)));
    node.value = at.settings.get(name);
    return node;
}

function check(name, text, onchange = () => {}) {
    const box = el('input', {type: 'checkbox', role: 'switch', onchange: async () => {
        at.settings.set(name, box.checked);
        await onchange(box);
    }});
    box.checked = at.settings.get(name);
    return el('label', {class: 'check'}, box, el('span', {}, text));
}

// the browser asks only after this click
async function askNotices(box) {
    if (box.checked && !await wish(box, 'ask-notices').catch(() => false)) {
        box.checked = false;
        at.settings.set('desktop', false);
        box.closest('label').after(el('p', {class: 'problem', role: 'alert'}, t('notices_refused')));
    }
}

export function settings() {
    const {me} = at.store;
    const keys = el('select', {onchange: () => at.settings.set('enterSends', keys.value === 'enter')},
        el('option', {value: 'enter'}, t('enter_sends')), el('option', {value: 'shift'}, t('shift_sends')));
    keys.value = at.settings.get('enterSends') ? 'enter' : 'shift';
    const dialog = openDialog(t('settings'),
        el('h3', {}, t('account')), me.guest ? accountForm(me) : nameForm(me), me.guest ? null : passwordForm(),
        el('h3', {}, t('look')),
        field(t('theme'), select('theme', [['auto', t('theme_auto')], ['dark', t('theme_dark')], ['light', t('theme_light')]])),
        field(t('language'), select('lang', [['auto', t('lang_auto')], ['en', 'English'], ['de', 'Deutsch']])),
        field(t('keyboard'), keys),
        el('h3', {}, t('notices')),
        check('desktop', t('notices_desktop'), askNotices), check('sound', t('notices_sound')),
        el('p', {class: 'muted'}, t('notices_when')),
        el('div', {class: 'row'},
            el('button', {class: 'quiet', type: 'button', onclick: () => { dialog.close(); shortcuts(); }}, t('shortcuts')),
            el('button', {class: 'quiet', type: 'button', onclick: () => out(false)}, t('log_out')),
            el('button', {class: 'quiet', type: 'button', onclick: () => out(true)}, t('log_out_everywhere'))),
        el('form', {}, problem()));
    const out = (everywhere) => settle(dialog.querySelector('form:last-child'), wish(dialog, 'logout', {everywhere}));
}

function form(run, label, ...fields) {
    const node = el('form', {onsubmit: (event) => { event.preventDefault(); settle(node, run(node.elements)); }},
        ...fields, problem(), el('div', {class: 'row end'}, el('button', {class: 'quiet', type: 'submit'}, label)));
    return node;
}

const password = (name, autocomplete) => el('input', {name, type: 'password', maxlength: 256, required: true, autocomplete});

function nameForm(me) {
    return form(({display}) => wish(display, 'profile', {display_name: display.value.trim()}), t('save'),
        field(t('display_name'), el('input', {name: 'display', value: me.display_name, maxlength: 64, required: true, dir: 'auto'})));
}

function passwordForm() {
    return form(({old, fresh}) => wish(old, 'profile', {old_password: old.value, password: fresh.value}), t('change_password'),
        field(t('old_password'), password('old', 'current-password')), field(t('new_password'), password('fresh', 'new-password')));
}

function accountForm(me) {
    return form(({fresh}) => wish(fresh, 'register', {username: me.username, password: fresh.value}), t('make_account'),
        el('p', {class: 'muted'}, t('guest_text')), field(t('password'), password('fresh', 'new-password')));
}
