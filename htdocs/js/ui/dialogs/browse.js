// browse.js -- the public rooms one may join, and a new room.

import {el, wish} from '../../lib/dom.js';
import {icon} from '../../lib/icon.js';
import {t} from '../../lib/i18n.js';
import {at} from '../part.js';
import {field, openDialog, problem, settle} from './dialog.js';

export async function browse() {
    const list = el('ul', {class: 'choices'}, el('li', {class: 'muted'}, t('loading')));
    const form = makeForm();
    openDialog(t('browse'), el('h3', {}, t('join_room')), list, el('h3', {}, t('new_room')), form);
    form.elements.name.focus();
    try {
        const {rooms} = await wish(form, 'rooms');
        const open = rooms.filter((room) => !at.store.room(room.id)).sort((a, b) => a.name.localeCompare(b.name));
        list.replaceChildren(...open.map((room) => row(room, form)));
        if (open.length === 0)
            list.append(el('li', {class: 'muted'}, t('no_rooms')));
    } catch {
        list.replaceChildren(el('li', {class: 'muted'}, t('error_offline')));
    }
}

function row(room, form) {
    return el('li', {}, el('button', {type: 'button', class: 'choice', onclick: () => settle(form, wish(form, 'join', {room: room.id}))},
        icon('room'), el('span', {class: 'two'}, el('bdi', {}, room.name), el('small', {dir: 'auto'}, room.topic)), el('span', {class: 'act'}, t('join'))));
}

function makeForm() {
    const form = el('form', {},
        field(t('room_name'), el('input', {name: 'name', maxlength: 64, required: true, autocomplete: 'off', dir: 'auto'})),
        field(t('topic'), el('input', {name: 'topic', maxlength: 250, autocomplete: 'off', dir: 'auto'})),
        el('label', {class: 'check'}, el('input', {type: 'checkbox', name: 'private'}), el('span', {}, t('private_room'))),
        problem(),
        el('div', {class: 'row end'}, el('button', {class: 'primary', type: 'submit'}, t('make_room'))));
    form.addEventListener('submit', (event) => {
        event.preventDefault();
        const {name, topic, private: closed} = form.elements;
        if (name.value.trim())
            settle(form, wish(form, 'make-room', {kind: closed.checked ? 'private' : 'public', name: name.value.trim(), topic: topic.value.trim()}));
    });
    return form;
}
