// markup.js -- the tree of a text as nodes. What people wrote enters as text only. Whatever stands in it is isolated,
// so that bidi controls in one piece do not turn its neighbours around (see also css/markup.css).

import {el} from '../lib/dom.js';
import {parse} from '../lib/markup.js';

const outside = {target: '_blank', rel: 'noopener noreferrer nofollow'};

// `me`: the name whose mentions stand out
export function render(text, {me} = {}) {
    return filled(document.createDocumentFragment(), parse(text), blocks, me?.toLowerCase());
}

// one by one, as there may be more children than a call takes arguments
function filled(node, tree, makers, me) {
    for (const part of tree)
        node.append((makers[part.type] ?? nested)(part, me));
    return node;
}

const nested = ({type, children}, me) => filled(el(type), children, inline, me);

const blocks = {
    paragraph({children}, me) {
        const p = filled(el('p'), children, inline, me);
        p.dir = 'auto'; // last: Chromium looks at all children again for each that comes under an auto
        return p;
    },
    code: ({text}) => el('pre', {dir: 'auto', tabindex: 0}, el('code', {}, text)), // it scrolls, also by keys
    quote: ({children}, me) => filled(el('blockquote'), children, blocks, me)
};

const inline = {
    text: ({text}) => text,
    code: ({text}) => el('code', {dir: 'auto'}, text),
    link: ({text, href}) => el('a', {href, dir: 'auto', ...outside}, text),
    break: () => el('br'),
    mention: ({name}, me) => el('button', {type: 'button', tabindex: -1, class: name.toLowerCase() === me ? 'mention mine' : 'mention', data: {name}}, `@${name}`)
};
