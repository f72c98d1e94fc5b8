// marks.js -- what people mean by *this*: text into a tree, by one pass over it. Nothing here makes HTML.
//
//     parse(text) -> [{type: 'paragraph' | 'code' | 'quote', …}], inline {type: 'text' | 'strong' | 'em' | 'del' | 'code' |
//     'link' | 'mention' | 'break', …}

import {inline} from './inline.js';

const DEPTH = 4; // quotes in quotes: deeper ones are text

export function parse(text) {
    return parseAt(text, 0);
}

function parseAt(text, depth) {
    const blocks = [];
    const lines = text.split('\n');
    let plain = [];
    let fenced = true; // an end of code may follow
    const flush = () => {
        while (plain.length && !plain[0].trim())
            plain.shift();
        while (plain.length && !plain.at(-1).trim())
            plain.pop();
        if (plain.length)
            blocks.push({type: 'paragraph', children: inline(plain.join('\n'))});
        plain = [];
    };
    for (let i = 0; i < lines.length; ++i) {
        const line = lines[i];
        const end = fenced && line.startsWith('```') ? lines.findIndex((l, j) => j > i && l.trimEnd() === '```') : -1;
        fenced &&= end > 0 || !line.startsWith('```');
        if (end > 0) {
            flush();
            blocks.push({type: 'code', text: lines.slice(i + 1, end).join('\n')});
            i = end;
        } else if (/^>(?: |$)/.test(line) && depth < DEPTH) {
            flush();
            const quoted = [];
            for (; i < lines.length && /^>(?: |$)/.test(lines[i]); ++i)
                quoted.push(lines[i].slice(2));
            --i;
            blocks.push({type: 'quote', children: parseAt(quoted.join('\n'), depth + 1)});
        } else if (line.trim() === '') {
            flush();
        } else {
            plain.push(line);
        }
    }
    flush();
    return blocks;
}

// -- questions about a text --

const EMOJI = /^(?:\s|\p{RGI_Emoji}){1,40}$/v;

export function isOnlyEmoji(text) {
    return text.length <= 120 && EMOJI.test(text) && [...text.matchAll(/\p{RGI_Emoji}/gv)].length <= 12 && /\S/.test(text);
}

function flat(nodes, pick) {
    return nodes.map((node) => (node.children ? flat(node.children, pick) + (['paragraph', 'quote'].includes(node.type) ? ' ' : '') : pick(node))).join('');
}

// one line without marks, for notices and previews
export function plain(text) {
    const pick = (node) => ({break: ' ', mention: `@${node.name}`})[node.type] ?? `${node.text}${node.type === 'code' ? ' ' : ''}`;
    return flat(parse(text), pick).replace(/\s+/g, ' ').trim();
}

export function mentions(text, name) {
    const asked = name.toLowerCase();
    const any = (nodes) => nodes.some((node) => (node.children ? any(node.children) : node.type === 'mention' && node.name.toLowerCase() === asked));
    return any(parse(text));
}
