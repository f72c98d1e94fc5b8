// message.js -- how one message looks: who, when, what, and how far it has come (○ delivered, ● seen).

import {avatar, el} from '../lib/dom.js';
import {icon} from '../lib/icon.js';
import {lang, list, t} from '../lib/i18n.js';
import {isOnlyEmoji} from '../lib/markup.js';
import {clock, full, shortClock} from '../lib/time.js';
import {render} from './markup.js';
import {at} from './part.js';

const signs = {pending: '◌', deleting: '◌', delivered: '○', seen: '●', failed: '!'};

export function makeMessage() {
    return el('article', {class: 'message', tabindex: '-1'});
}

// what the node must be drawn again for; the receipt is not in it
function signature({message, grouped}) {
    return [message.v, grouped, at.store.displayName(message.username), message.id === undefined].join('|');
}

export function drawMessage(node, row, room) {
    const {message} = row;
    const mine = at.store.isMe(message.username);
    const drawn = signature(row);
    if (node.dataset.drawn !== drawn && !node.querySelector('.editor')) {
        node.dataset.drawn = drawn;
        node.dataset.key = message.key;
        if (message.id !== undefined)
            node.dataset.id = message.id;
        node.classList.toggle('grouped', row.grouped);
        node.classList.toggle('mine', mine);
        node.classList.toggle('failed', message.state === 'failed');
        node.replaceChildren(...parts(row, mine));
    }
    if (mine && !message.deleted)
        drawReceipt(node.querySelector('.receipt'), message, room);
}

function parts({message, grouped}, mine) {
    const name = at.store.displayName(message.username);
    const time = el('time', {datetime: new Date(message.timestamp).toISOString(), title: full(message.timestamp, lang)},
        (grouped ? shortClock : clock)(message.timestamp, lang));
    const head = el('header', {}, el('button', {class: 'author', type: 'button', tabindex: -1, data: {author: message.username}}, el('bdi', {}, name)), time);
    return [
        grouped ? el('span', {class: 'gutter'}, time) : avatar(message.username, name),
        el('div', {class: 'body'}, grouped ? el('span', {class: 'visually-hidden'}, name) : head, content(message), failure(message)),
        mine && !message.deleted ? el('button', {class: 'receipt', type: 'button', tabindex: -1}) : null,
        message.deleted ? null : tools(message, mine)
    ].filter(Boolean);
}

function content(message) {
    if (message.deleted || message.state === 'deleting')
        return el('div', {class: 'text deleted'}, t('deleted'));
    const text = el('div', {class: isOnlyEmoji(message.text) ? 'text only-emoji' : 'text'});
    text.append(render(message.text, {me: at.store.me?.username}));
    if (message.edited)
        text.append(el('span', {class: 'edited', title: full(message.edited, lang)}, t('edited', {time: clock(message.edited, lang)})));
    return text;
}

function failure(message) {
    if (message.state !== 'failed')
        return null;
    return el('p', {class: 'failure'}, t('not_sent', {why: t(`error_${message.code}`)}), ' ',
        el('button', {class: 'link', type: 'button', data: {act: 'again'}}, t('try_again')), ' ',
        el('button', {class: 'link', type: 'button', data: {act: 'discard'}}, t('discard')));
}

function tools(message, mine) {
    const tool = (act, sign, label) => el('button', {class: 'icon-button', type: 'button', data: {act}, 'aria-label': t(label), title: t(label)}, icon(sign));
    if (message.state === 'deleting' || !mine)
        return null;
    return el('div', {class: 'tools', role: 'group', 'aria-label': t('actions')},
        tool('edit', 'edit', 'edit'), tool('remove', 'trash', 'delete'));
}

export function receiptOf(message, room) {
    if (message.state && message.state !== 'delivered')
        return message.state;
    return message.id !== undefined && at.store.seenUpTo(room, message.username) >= message.id ? 'seen' : 'delivered';
}

function drawReceipt(node, message, room) {
    const state = receiptOf(message, room);
    const names = state === 'seen' ? at.store.seenBy(room, message).map((name) => at.store.displayName(name)) : [];
    const label = state === 'seen' ? t('seen_by', {names: list(names)}) : t(state);
    if (node.dataset.tip === label)
        return;
    Object.assign(node.dataset, {state, tip: label});
    node.textContent = signs[state];
    node.setAttribute('aria-label', label);
}
