// jump.js -- Ctrl+K: to a room or a person by a few letters.

import {avatar, el, wish} from '../../lib/dom.js';
import {icon} from '../../lib/icon.js';
import {t} from '../../lib/i18n.js';
import {at} from '../part.js';
import {openDialog} from './dialog.js';

const MOST = 12;

function targets() {
    const {store} = at;
    const rooms = [...store.rooms.values()].map((room) => ({
        name: room.kind === 'direct' ? store.displayName(room.name) : room.name,
        also: room.name, unread: room.unread,
        sign: () => room.kind === 'direct' ? avatar(room.name) : icon(room.kind === 'private' ? 'lock' : 'room'),
        go: () => store.look(room.id)
    }));
    const direct = new Set([...store.rooms.values()].filter((room) => room.kind === 'direct').map((room) => room.name));
    const people = [...store.online].filter((name) => !direct.has(name) && !store.isMe(name)).map((name) => ({
        name: store.displayName(name), also: name, unread: 0, sign: () => avatar(name),
        go: () => wish(document.querySelector('chat-app'), 'direct', {username: name}).catch(() => {})
    }));
    return [...rooms.sort((a, b) => b.unread - a.unread), ...people];
}

export function jump() {
    let found = [];
    let chosen = 0;
    const input = el('input', {type: 'text', role: 'combobox', 'aria-expanded': 'true', 'aria-controls': 'jump-list', 'aria-label': t('jump_to'), placeholder: t('jump_hint'), autocomplete: 'off', spellcheck: 'false'});
    const list = el('ul', {class: 'choices', role: 'listbox', id: 'jump-list', 'aria-label': t('jump_to')});
    const dialog = openDialog(t('jump_to'), input, list);
    const go = (target) => {
        dialog.close();
        target?.go();
    };
    const mark = () => {
        [...list.children].forEach((row, i) => row.setAttribute('aria-selected', String(i === chosen)));
        input.setAttribute('aria-activedescendant', found.length ? `jump-${chosen}` : '');
    };
    const show = () => {
        const asked = input.value.trim().toLowerCase();
        found = targets().filter(({name, also}) => name.toLowerCase().includes(asked) || also.toLowerCase().includes(asked)).slice(0, MOST);
        chosen = 0;
        list.replaceChildren(...found.map((target, i) => el('li', {role: 'option', id: `jump-${i}`, onclick: () => go(target)},
            target.sign(), el('bdi', {}, target.name), target.unread ? el('span', {class: 'count'}, String(target.unread)) : null)));
        mark();
    };
    input.addEventListener('input', show);
    input.addEventListener('keydown', (event) => {
        const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
        if (step && found.length) {
            chosen = (chosen + step + found.length) % found.length;
            mark();
            event.preventDefault();
        } else if (event.key === 'Enter' && !event.isComposing) {
            event.preventDefault();
            go(found[chosen]);
        }
    });
    show();
    input.focus();
}
