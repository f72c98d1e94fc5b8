// marked.js -- the tree of lib/marks.js as nodes of the document. Everything a user wrote gets in as text.

import {el} from '../lib/dom.js';
import {parse} from '../lib/marks.js';

// what the page makes of each type; nothing else ever stands in a message
const make = {
    paragraph: (node, me) => el('p', {dir: 'auto'}, ...all(node, me)),
    quote: (node, me) => el('blockquote', {}, ...node.children.map((child) => block(child, me))),
    strong: (node, me) => el('strong', {}, ...all(node, me)),
    em: (node, me) => el('em', {}, ...all(node, me)),
    del: (node, me) => el('del', {}, ...all(node, me)),
    break: () => el('br'),
    text: (node) => document.createTextNode(node.text),
    link: (node) => el('a', {href: node.href, target: '_blank', rel: 'noopener noreferrer nofollow', dir: 'auto'}, node.text),
    mention: (node, me) => el('button', {type: 'button', class: node.name.toLowerCase() === me?.toLowerCase() ? 'mention mine' : 'mention',
        data: {name: node.name}}, `@${node.name}`)
};

function all(node, me) {
    return node.children.map((child) => draw(child, me));
}

function draw(node, me) {
    if (node.type === 'code')
        return el('code', {dir: 'ltr'}, node.text);
    return make[node.type](node, me);
}

function block(node, me) {
    return node.type === 'code' ? el('pre', {tabindex: '0', dir: 'ltr'}, el('code', {}, node.text)) : draw(node, me);
}

// a text as nodes; `me` is the user name that stands out
export function render(text, {me} = {}) {
    const fragment = document.createDocumentFragment();
    fragment.append(...parse(text).map((node) => block(node, me)));
    return fragment;
}
