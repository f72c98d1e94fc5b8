// room-info.js -- a room: its topic, who is in it, adding somebody, leaving.

import {avatar, el, wish} from '../../lib/dom.js';
import {icon} from '../../lib/icon.js';
import {t} from '../../lib/i18n.js';
import {at} from '../part.js';
import {field, openDialog, problem, settle} from './dialog.js';

export function roomInfo(room) {
    const direct = room.kind === 'direct';
    const name = direct ? at.store.displayName(room.name) : room.name;
    const list = el('ul', {class: 'choices'});
    const leave = !direct && room.id !== 1;
    const dialog = openDialog(name,
        room.topic ? el('p', {class: 'topic', dir: 'auto'}, room.topic) : null,
        direct || room.id === 1 ? null : topicForm(room),
        direct || room.id === 1 ? null : addForm(room, () => load()),
        el('h3', {}, t('members')), list,
        leave ? el('div', {class: 'row'}, el('button', {class: 'danger', type: 'button', onclick: out}, icon('leave'), t('leave_room'))) : null);

    async function out() {
        await wish(dialog, 'leave', {room: room.id, username: at.store.me.username}).catch(() => {});
        dialog.close();
    }

    async function load(after = '') {
        const page = await wish(dialog, 'members', {room, after, online: false}).catch(() => ({members: [], more: false}));
        if (!after)
            list.replaceChildren();
        list.querySelector('.more')?.remove();
        list.append(...page.members.map((member) => row(member)));
        if (page.more)
            list.append(el('li', {class: 'more'}, el('button', {class: 'quiet', type: 'button', onclick: () => load(page.members.at(-1).username)}, t('show_more'))));
    }

    load();
}

function row({username, display_name: display, online}) {
    const face = avatar(username, display);
    face.toggleAttribute('data-online', online);
    return el('li', {}, face, el('bdi', {}, display), display === username ? null : el('small', {}, `@${username}`));
}

function topicForm(room) {
    const form = el('form', {},
        field(t('topic'), el('input', {name: 'topic', maxlength: 250, value: room.topic ?? '', autocomplete: 'off', dir: 'auto'})),
        problem(),
        el('div', {class: 'row end'}, el('button', {class: 'quiet', type: 'submit'}, t('save'))));
    form.addEventListener('submit', (event) => {
        event.preventDefault();
        settle(form, wish(form, 'change-room', {room: room.id, topic: form.elements.topic.value.trim()}));
    });
    return form;
}

function addForm(room, done) {
    const form = el('form', {},
        field(t('add_person'), el('input', {name: 'username', maxlength: 32, autocomplete: 'off', spellcheck: 'false'})),
        problem(),
        el('div', {class: 'row end'}, el('button', {class: 'quiet', type: 'submit'}, t('add'))));
    form.addEventListener('submit', async (event) => {
        event.preventDefault();
        const username = form.elements.username.value.trim();
        const says = form.querySelector('.problem');
        try {
            await wish(form, 'add', {room: room.id, username});
            form.reset();
            says.textContent = '';
            done();
        } catch (refusal) {
            says.textContent = refusal.code === 'not_found' ? t('no_such_person') : t(`error_${refusal.code}`);
        }
    });
    return form;
}
