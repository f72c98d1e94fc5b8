// markup.js -- what people write, as a tree: blocks, and what stands in their lines. Pure, without the DOM.
// Every text has a tree, nothing is an error; whatever somebody sends, time is linear and the tree shallow.
//
//     blocks  {type: 'paragraph', children}  {type: 'code', text}  {type: 'quote', children: blocks}
//     inline  {type: 'text', text}  {type: 'strong' | 'em' | 'del', children}  {type: 'code', text}
//             {type: 'link', href, text}  {type: 'mention', name}  {type: 'break'}

const DEEPEST = 4; // quotes in quotes; more stay text
const LONGEST_NAME = 32;

export function parse(text) {
    return blocks(text.replace(/\r\n?/g, '\n').split('\n'), 0);
}

// without marks, in one line, and without bidi controls, which would reach into what stands around it
export function plain(text) {
    const joined = (nodes) => nodes.map((block) => all([block])).join(' ');
    const by = {quote: ({children}) => joined(children), mention: ({name}) => `@${name}`, break: () => ' '};
    const all = (nodes) => nodes.map((n) => by[n.type]?.(n) ?? n.text ?? all(n.children)).join('');
    return joined(parse(text)).replace(/[\u202a-\u202e\u2066-\u2069]/g, '').replace(/\s+/g, ' ').trim();
}

// is @name called? Not by what is code.
export function mentions(text, name) {
    const called = (node) => node.name?.toLowerCase() === name.toLowerCase() || node.children?.some(called);
    return text.includes('@') && parse(text).some(called);
}

const tone = String.raw`(?:\ufe0f|\p{EMod})?`;
const picture = String.raw`(?:(?!\p{RI})\p{Emoji_Presentation}|\p{ExtPict}(?=[\ufe0f\u200d\p{EMod}]))${tone}`;
const joined = String.raw`${picture}(?:\u200d\p{ExtPict}${tone})*[\u{e0020}-\u{e007f}]*`;
const onlyEmoji = new RegExp(String.raw`^\s*(?:(?:\p{RI}{2}|[0-9#*]\ufe0f?\u20e3|${joined})\s*){1,12}$`, 'u');

export function isOnlyEmoji(text) {
    return text.length < 600 && onlyEmoji.test(text); // a family with skin tones takes 40
}

function blocks(lines, depth) {
    const found = []; // a paragraph is an array of lines until all are known, a blank line is ''
    for (let i = 0, block; i < lines.length;) {
        [block, i] = fence(lines, i) ?? quote(lines, i, depth) ?? [lines[i].trim() && [lines[i]], i + 1];
        if (Array.isArray(block) && Array.isArray(found.at(-1)))
            found.at(-1).push(...block);
        else
            found.push(block);
    }
    return found.filter(Boolean).map((block) => Array.isArray(block) ? paragraph(block) : block);
}

const paragraph = (lines) => ({type: 'paragraph', children: nest(scan(lines.join('\n')))});

// [block, line after it]. One that nobody closed goes to the end; one without any code is no block, or the
// text would be gone. ``` may stand behind the last line of code, as many write it.
function fence(lines, start) {
    const [, ticks, rest] = /^(`{3,})([^`]*)$/.exec(lines[start]) ?? [];
    let end = start + 1;
    if (!ticks)
        return null;
    while (end < lines.length && !lines[end].trimEnd().endsWith(ticks))
        ++end;
    const last = lines[end]?.trimEnd().replace(/(?<!`)`+$/, '');
    const code = [...lines.slice(start + 1, end), ...last ? [last] : []];
    if (/\S\s+\S/.test(rest) || !code.join('').trim()) // no language: several words, or all that there is
        code.unshift(rest.trim());
    const text = code.join('\n');
    return text.trim() ? [{type: 'code', text}, end + 1] : null;
}

function quote(lines, start, depth) {
    let end = start;
    while (depth < DEEPEST && (lines[end]?.startsWith('> ') || lines[end] === '>'))
        ++end;
    if (end === start)
        return null;
    const children = blocks(lines.slice(start, end).map((line) => line.slice(2)), depth + 1);
    return [children.length ? {type: 'quote', children} : paragraph(lines.slice(start, end)), end];
}

const signs = /`+|\*+|_+|~+|\n|@|https?:\/\/|mailto:|www\./gi;
const readers = {'`': codeSpan, '*': mark, _: mark, '~': mark, '@': mention, '\n': () => [{type: 'break'}, 1]};
const words = (text) => ({type: 'text', text});

// The pieces of a paragraph from left to right. A reader gets the text, where it is, the sign there, and the
// state; it gives [piece, length], or null: the sign is text.
function scan(text) {
    const state = {pieces: [], open: [], unclosed: new Set()};
    const find = new RegExp(signs);
    let done = 0;
    for (let found; (found = find.exec(text)); done = find.lastIndex) {
        const {0: sign, index: at} = found;
        add(state.pieces, words(text.slice(done, at)));
        const [piece, size] = (readers[sign[0]] ?? link)(text, at, sign, state) ?? [words(sign), sign.length];
        add(state.pieces, piece);
        find.lastIndex = at + size;
    }
    add(state.pieces, words(text.slice(done)));
    return state.pieces;
}

function add(nodes, node) {
    const last = nodes.at(-1);
    if (node.type === 'text' && last?.type === 'text')
        last.text += node.text;
    else if (node.text !== '')
        nodes.push(node);
}

function codeSpan(text, at, ticks, {unclosed}) {
    const runs = /`+/g;
    const start = runs.lastIndex = at + ticks.length;
    for (let run; !unclosed.has(ticks) && (run = runs.exec(text));) {
        if (run[0] !== ticks)
            continue;
        const code = text.slice(start, run.index).replace(/^[ \n](.*)[ \n]$/s, '$1'); // `` `a` `` has a `
        return code.trim() ? [{type: 'code', text: code}, runs.lastIndex - at] : null;
    }
    unclosed.add(ticks); // none that long comes any more: it is not looked for again
    return null;
}

const before = (text, at) => [...text.slice(Math.max(0, at - 2), at)].at(-1) ?? '';
const after = (text, at) => [...text.slice(at, at + 2)][0] ?? '';
// what a mark may follow; some scripts have no spaces between words
const unspaced = String.raw`。，、：；！？\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Thai}`;
const edge = new RegExp(String.raw`^$|[\s\p{Ps}\p{Pi}"'*_~–—${unspaced}\p{ExtPict}\p{EMod}\p{RI}\ufe0f]`, 'u');

// Of each kind only the latest is open, so the tree is as deep as there are kinds. What was opened inside of a
// pair ends with it. Of *** the one that is closed first is the inner one.
function mark(text, at, run, state) {
    const [left, right, last] = [before(text, at), after(text, at + run.length), state.pieces.at(-1)];
    const kinds = {'***': ['**', '*'], '**': ['**'], '*': ['*'], _: ['_'], '~~': ['~~']}[run];
    if (!kinds)
        return null;
    const opens = edge.test(left) && /[^\s\p{Pe}/]/u.test(right); // not the end of a C comment
    const closes = /[^\s\p{Ps}]/u.test(left) && !(run === '_' && /[\p{L}\p{N}]/u.test(right));
    if (closes && !opens && last?.opens && !last.closing.length) // nothing but a mark in marks is a face: *_*
        state.open = [];
    const piece = {type: 'mark', run, opens, opening: [], closing: []};
    for (let one; closes && (one = state.open.findLast(({kind}) => kinds.includes(kind)));) {
        state.open = state.open.filter((o) => o !== one && o.from <= one.from);
        state.pieces[one.from].opening.unshift(one.kind);
        piece.closing.push(one.kind);
    }
    if (opens && !piece.closing.length)
        state.open = [...state.open.filter(({kind}) => !kinds.includes(kind)),
            ...kinds.map((kind) => ({kind, from: state.pieces.length}))];
    return [piece, run.length];
}

function mention(text, at) {
    const [all] = /^[\w.-]*/.exec(text.slice(at + 1, at + 2 * LONGEST_NAME));
    const name = all.replace(/[.-]+$/, '');
    const stuck = /[\p{Lu}\p{Ll}\p{N}_.@/-]/u.test(before(text, at)) ||
        /[@\p{Lu}\p{Ll}\p{M}]/u.test(after(text, at + 1 + all.length));
    return name && name.length <= LONGEST_NAME && !stuck ? [{type: 'mention', name}, 1 + name.length] : null;
}

// how a link begins, and what is put before it; no name before the host: bank@evil looks like the bank
const shapes = [
    [/^https?:\/\/(?![^/?#]*@)[\p{L}\p{N}[]/iu, ''],
    [/^www\.[\p{L}\p{N}-]+\.\p{L}/iu, 'https://'],
    [/^mailto:[^@/?]+@[\p{L}\p{N}]/iu, '']
];

// what is no link is skipped all the same, or it would be read again and again
function link(text, at, start) {
    const extent = /[^\s<>"`\\\p{Cc}\p{Cf}“”«»。，、！？「」（）]+/uy; // Cf: nothing in it is hidden
    extent.lastIndex = at;
    const shown = withoutTail(extent.exec(text)[0]);
    const [, prefix] = shapes.find(([shape]) => shape.test(shown)) ?? [];
    const stuck = (/^www/i.test(start) ? /[\w@./-]/ : /[a-z0-9]/i).test(before(text, at));
    const good = prefix !== undefined && !stuck && URL.canParse(prefix + shown);
    return [good ? {type: 'link', href: prefix + shown, text: shown} : words(shown), shown.length];
}

// a sentence's end, and brackets that were opened outside, are not of the link
function withoutTail(url) {
    const more = ([a, b]) => [b, url.split(b).length - url.split(a).length];
    const spare = Object.fromEntries(['()', '[]', '{}'].map(more));
    let end = url.length;
    while ('.,;:!?\'*_~…’'.includes(url[end - 1]) || spare[url[end - 1]]-- > 0)
        --end;
    return url.slice(0, end);
}

function nest(pieces) {
    const levels = [[]];
    for (const piece of pieces) {
        const {run = '', opening = [], closing = []} = piece;
        levels.length -= closing.length;
        add(levels.at(-1), run ? words(run.slice([...opening, ...closing].join('').length)) : piece);
        for (const kind of opening) {
            const node = {type: {'**': 'strong', '~~': 'del'}[kind] ?? 'em', children: []};
            levels.at(-1).push(node);
            levels.push(node.children);
        }
    }
    return levels[0];
}
