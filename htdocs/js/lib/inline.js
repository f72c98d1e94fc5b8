// inline.js -- links, names, code and marks within a paragraph, for marks.js. A mark opens before a letter and behind a
// boundary, and closes behind one: snake_case and 2*3*4 stay as they are. Linear in the length of the text.

const marks = [['**', 'strong'], ['__', 'strong'], ['~~', 'del'], ['*', 'em'], ['_', 'em']];
const LINK = /(?:https?:\/\/|www\.|mailto:)[^\s<>"`]+/iy;
const NAME = /@([\p{L}\p{N}][\p{L}\p{N}._-]*)/uy;
const SPECIAL = /[\n`*_~@hwmHWM]/g;
const WORD = /[\p{L}\p{N}]/u;
const RUN = /(.)\1{3,}/y; // ****: no mark
const OPEN_MOST = 16; // marks that wait for their end

class Inline {
    nodes = [];
    #open = []; // {mark, type, at: where its text stands in nodes}

    text(text) {
        const last = this.nodes.at(-1);
        if (last?.type === 'text' && !last.mark)
            last.text += text;
        else if (text)
            this.nodes.push({type: 'text', text});
    }

    open(mark, type) {
        this.#open.push({mark, type, at: this.nodes.length});
        this.nodes.push({type: 'text', text: mark, mark: true});
    }

    get full() { return this.#open.length >= OPEN_MOST; }

    // true: it ended something
    close(mark) {
        const i = this.#open.findLastIndex((open) => open.mark === mark);
        if (i < 0 || this.#open[i].at === this.nodes.length - 1)
            return false;
        const {type, at} = this.#open[i];
        this.#open.length = i;
        const children = this.nodes.splice(at + 1);
        this.nodes[at] = {type, children};
        return true;
    }
}

function markAt(text, i) {
    RUN.lastIndex = i;
    const run = RUN.exec(text);
    if (run)
        return [run[0], null];
    return marks.find(([mark]) => text.startsWith(mark, i));
}

// a link ends before what belongs to the sentence
function trimLink(link) {
    let surplus = link.split(')').length - link.split('(').length;
    let end = link.length;
    for (; end > 0; --end) {
        const last = link[end - 1];
        if (last === ')' ? surplus-- <= 0 : !/[.,:;!?'*_~\]}]/.test(last))
            break;
    }
    return link.slice(0, end);
}

function linkAt(text, i) {
    LINK.lastIndex = i;
    const found = (i === 0 || !WORD.test(text[i - 1])) && LINK.exec(text);
    const link = found && trimLink(found[0].slice(0, 2000));
    return link && /^(?:https?:\/\/|www\.|mailto:)./i.test(link) ? link : null;
}

function nameAt(text, i) {
    NAME.lastIndex = i;
    const found = (i === 0 || !/[\p{L}\p{N}@/.]/u.test(text[i - 1])) && NAME.exec(text);
    return found ? found[1].replace(/[._-]+$/, '') : null;
}

function codeAt(text, i) {
    const end = text.indexOf('`', i + 1);
    const code = end > 0 ? text.slice(i + 1, end) : '';
    return code && !code.includes('\n') ? code : null;
}

export function inline(text) {
    const out = new Inline();
    let from = 0;
    let noCode = false; // no backtick follows: do not look for one again and again
    const put = (node, i, length) => {
        out.text(text.slice(from, i));
        if (node)
            out.nodes.push(node);
        SPECIAL.lastIndex = from = i + length;
    };
    SPECIAL.lastIndex = 0;
    for (let found; (found = SPECIAL.exec(text));) {
        const i = found.index;
        const c = found[0];
        let part;
        if (c === '\n') {
            put({type: 'break'}, i, 1);
        } else if (c === '`') {
            if (!noCode && (part = codeAt(text, i)))
                put({type: 'code', text: part}, i, part.length + 2);
            else
                noCode ||= text.indexOf('`', i + 1) < 0;
        } else if (c === '@') {
            if ((part = nameAt(text, i)))
                put({type: 'mention', name: part}, i, part.length + 1);
        } else if (/[a-z]/i.test(c)) {
            if ((part = linkAt(text, i)))
                put({type: 'link', href: /^www\./i.test(part) ? `https://${part}` : part, text: part}, i, part.length);
        } else if ((part = markAt(text, i))) {
            mark(out, text, i, part, put);
        }
    }
    out.text(text.slice(from));
    return out.nodes.map(settle);
}

function mark(out, text, i, [sign, type], put) {
    const before = text[i - 1] ?? ' ';
    const after = text[i + sign.length] ?? ' ';
    if (type === null)
        return put(null, i + sign.length, 0);
    const closes = /\S/.test(before) && !WORD.test(after);
    const opens = /\S/.test(after) && !WORD.test(before) && !out.full;
    if (!closes && !opens)
        return void (sign.length > 1 && put(null, i + sign.length, 0));
    put(null, i, sign.length);
    if (closes && out.close(sign))
        return;
    if (opens)
        out.open(sign, type);
    else
        out.text(sign);
}

// what never ended is text
function settle(node) {
    if (node.children)
        return {type: node.type, children: node.children.map(settle)};
    return node.mark ? {type: 'text', text: node.text} : node;
}

