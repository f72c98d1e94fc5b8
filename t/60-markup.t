#!/usr/bin/env node
/* 60-markup.t -- what people write as a tree: tables of texts, every beginning of long ones, and hostile ones with time
 * limits. The library has no imports, so it is loaded as it is, without a browser. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { story, ok, is, diag, done } = require('./web/tap.js');

const FILE = path.join(__dirname, '../htdocs/js/lib/markup.js');
const LIMIT_MS = 1500 * (Number(process.env.CHATTERBOX_SLOW) || 1); // of processor time; linear takes 300 at most
const HOSTILE = 256 * 1024; // much more than a message has, so that what is quadratic takes several seconds
const DEEPEST = 12; // levels of a tree: quotes, a paragraph, one of each mark, text

/* a tree in short: [a link], {a mention}, <em>...</em>, | for a break */
function short(nodes) {
    const by = {
        text: n => n.text, code: n => `<code>${n.text}</code>`, break: () => '|', mention: n => `{${n.name}}`,
        link: n => (n.href === n.text ? `[${n.text}]` : `[${n.text} -> ${n.href}]`),
    };
    const tag = { paragraph: 'p', quote: 'quote' };
    return nodes.map(n => by[n.type]?.(n) ?? `<${tag[n.type] ?? n.type}>${short(n.children)}</${tag[n.type] ?? n.type}>`).join('');
}

const leaves = nodes => nodes.flatMap(n => (n.children ? leaves(n.children) : [n]));
const words = nodes => leaves(nodes).map(n => n.text ?? n.name ?? '').join('');
const depth = nodes => nodes.reduce((most, n) => Math.max(most, n.children ? 1 + depth(n.children) : 1), 0);
const withoutMarks = text => text.replace(/[*_~`>@\s]/g, '');
const named = text => JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);

/* in a line: text and what is in its paragraph */
const lines = {
    'marks': [
        ['plain', 'plain'],
        ['**bold** *italic* _italic_ ~~strike~~', '<strong>bold</strong> <em>italic</em> <em>italic</em> <del>strike</del>'],
        ['(**bold**), "*it*".', '(<strong>bold</strong>), "<em>it</em>".'],
        ['**two words**', '<strong>two words</strong>'],
        ['**Ein**weg', '<strong>Ein</strong>weg'],
        ['*over\nlines*', '<em>over|lines</em>'],
        ['这是**重点**内容', '这是<strong>重点</strong>内容'],
        ['🎉**party**🎉', '🎉<strong>party</strong>🎉'],
    ],
    'marks in marks': [
        ['***both***', '<strong><em>both</em></strong>'],
        ['***a* b**', '<strong><em>a</em> b</strong>'],
        ['***a** b*', '<em><strong>a</strong> b</em>'],
        ['***a* *b***', '<strong><em>a</em> <em>b</em></strong>'],
        ['**bold *and***', '<strong>bold <em>and</em></strong>'],
        ['*it **and***', '<em>it <strong>and</strong></em>'],
        ['~~**_x_**~~', '<del><strong><em>x</em></strong></del>'],
        ['**a *b** c*', '<strong>a *b</strong> c*'],
        ['*a **b* c**', '<em>a **b</em> c**'],
        ['*a *b*', '*a <em>b</em>'],
    ],
    'what stays text': [
        ['snake_case_name', 'snake_case_name'], ['_snake_case_', '<em>snake_case</em>'], ['2*3*4', '2*3*4'],
        ['2 * 3 * 4', '2 * 3 * 4'], ['a * b*', 'a * b*'], ['*a *', '*a *'], ['** a **', '** a **'], ['**', '**'], ['****', '****'],
        ['*open', '*open'], ['close*', 'close*'], ['~one~', '~one~'], ['__init__', '__init__'], ['a__b', 'a__b'],
        ['* one\n* two', '* one|* two'], ['/* a */ /*b*/', '/* a */ /*b*/'], ['(*) (*)', '(*) (*)'], ['rm *.o *.a', 'rm *.o *.a'],
        ['*_* ^_^ -_-', '*_* ^_^ -_-'], ['¯\\_(ツ)_/¯', '¯\\_(ツ)_/¯'], ['>_<', '>_<'], ['<b>x</b>', '<b>x</b>'],
        ['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'], ['&amp;', '&amp;'], ['\u202eabc\u2066', '\u202eabc\u2066'],
    ],
    'code': [
        ['`code`', '<code>code</code>'], ['a`b`c', 'a<code>b</code>c'], ['`*not* @ada https://x.org`', '<code>*not* @ada https://x.org</code>'],
        ['`` `a` ``', '<code>`a`</code>'], ['``a`b``', '<code>a`b</code>'], ['`open', '`open'], ['``a`', '``a`'], ['` `', '` `'], ['``', '``'],
        ['*a `b* c`', '*a <code>b* c</code>'], ['```one line```', '<code>one line</code>'],
        ['see ```\na\n```', 'see <code>a</code>'],
    ],
    'links': [
        ['http://a.org https://b.org/x?y=1&z#w', '[http://a.org] [https://b.org/x?y=1&z#w]'],
        ['HTTPS://A.org', '[HTTPS://A.org]'], ['http://localhost:8080/', '[http://localhost:8080/]'], ['https://[::1]/', '[https://[::1]/]'],
        ['mailto:ada@a.org', '[mailto:ada@a.org]'], ['www.a.org/b', '[www.a.org/b -> https://www.a.org/b]'],
        ['see https://a.org.', 'see [https://a.org].'], ['https://a.org, https://b.org!?', '[https://a.org], [https://b.org]!?'],
        ['(https://a.org)', '([https://a.org])'], ['(see https://a.org/b_(c).)', '(see [https://a.org/b_(c)].)'],
        ['https://a.org/b_(c)', '[https://a.org/b_(c)]'], ['[x](https://a.org)', '[x]([https://a.org])'],
        ['<https://a.org>', '<[https://a.org]>'], ['"https://a.org"', '"[https://a.org]"'], ['说https://a.org。好', '说[https://a.org]。好'],
        ['**https://a.org**.', '<strong>[https://a.org]</strong>.'], ['_https://a.org/b_c_', '<em>[https://a.org/b_c]</em>'],
        ['https://a.org/*b*/_c_d', '[https://a.org/*b*/_c_d]'], ['https://a.org/@ada', '[https://a.org/@ada]'],
        ['https://a.org/\u202egnp.exe', '[https://a.org/]\u202egnp.exe'], ['https://a.org/\u2066x', '[https://a.org/]\u2066x'],
    ],
    'what is no link': [
        ['javascript:alert(1)', 'javascript:alert(1)'], ['JaVaScRiPt:alert(1)', 'JaVaScRiPt:alert(1)'], ['data:text/html,x', 'data:text/html,x'],
        ['file:///etc/passwd ftp://a.org vbscript:x', 'file:///etc/passwd ftp://a.org vbscript:x'], ['http://', 'http://'],
        ['https:// a', 'https:// a'], ['http:///a', 'http:///a'], ['http://..', 'http://..'], ['xhttp://a.org', 'xhttp://a.org'],
        ['https://a.org:99999/', 'https://a.org:99999/'], ['https://bank.org@evil.org/', 'https://bank.org@evil.org/'],
        ['www.a', 'www.a'], ['www..', 'www..'], ['awww.a.org', 'awww.a.org'], ['mailto:', 'mailto:'], ['mailto:ada', 'mailto:ada'], ['ada@a.org', 'ada@a.org'],
    ],
    'mentions': [
        ['@ada', '{ada}'], ['hi @ada, @Bob_2: @a.b-c!', 'hi {ada}, {Bob_2}: {a.b-c}!'], ['(@ada)', '({ada})'], ['ask @ada.', 'ask {ada}.'],
        ['@ada...', '{ada}...'], ["@ada's", "{ada}'s"], ['**@ada**', '<strong>{ada}</strong>'], ['你好@ada你', '你好{ada}你'], ['@ada/@bob', '{ada}/@bob'],
        [`@${'a'.repeat(32)}`, `{${'a'.repeat(32)}}`], [`@${'a'.repeat(33)}`, `@${'a'.repeat(33)}`], [`@${'a'.repeat(99)}`, `@${'a'.repeat(99)}`],
        ['@', '@'], ['@ ada', '@ ada'], ['@...', '@...'], ['@@ada', '@@ada'], ['a@b', 'a@b'], ['ada@a.org', 'ada@a.org'], ['@ada@a.org', '@ada@a.org'],
        ['@adaß', '@adaß'],
    ],
};

/* whole texts and their blocks */
const texts = [
    ['', ''], [' \n\n ', ''], ['a\nb', '<p>a|b</p>'], ['a\r\nb\rc', '<p>a|b|c</p>'], ['a\n\n \nb', '<p>a</p><p>b</p>'], ['  a  b', '<p>  a  b</p>'],
    ['*a\n\nb*', '<p>*a</p><p>b*</p>'],
    ['```\na\n  *b*\n\nc\n```', '<code>a\n  *b*\n\nc</code>'], ['```js\na\n```', '<code>a</code>'], ['```int x = 1;\ny\n```', '<code>int x = 1;\ny</code>'],
    ['x\n```\na\n```\ny', '<p>x</p><code>a</code><p>y</p>'], ['```\na```', '<code>a</code>'], ['```\na', '<code>a</code>'], ['````\n```\n````', '<code>```</code>'],
    ['```a', '<code>a</code>'], ['```\n```', '<p>```|```</p>'], ['```', '<p>```</p>'], ['```\n> a\n```', '<code>> a</code>'],
    ['> a\n> b\nc', '<quote><p>a|b</p></quote><p>c</p>'], ['a\n> b', '<p>a</p><quote><p>b</p></quote>'], ['> a\n>\n> b', '<quote><p>a</p><p>b</p></quote>'],
    ['> > a\n> b', '<quote><quote><p>a</p></quote><p>b</p></quote>'], ['> ```\n> a\n> ```\n> b', '<quote><code>a</code><p>b</p></quote>'],
    ['>a', '<p>>a</p>'], ['>', '<p>></p>'], [' > a', '<p> > a</p>'],
    ['> > > > > > a', '<quote><quote><quote><quote><p>> > a</p></quote></quote></quote></quote>'],
];

const plains = [
    ['**a** _b_ ~~c~~ `d`', 'a b c d'], ['a\nb\n\nc', 'a b c'], ['> a\n> b\n\n```js\nc\n  d\n```\ne', 'a b c d e'], ['> ```\n> a\n> ```\n> b', 'a b'],
    ['@ada see https://a.org.', '@ada see https://a.org.'], ['a`b`c', 'abc'], ['  a \t b ', 'a b'], ['\u202ea\u2066b\u202c', 'ab'], ['2*3*4', '2*3*4'], ['', ''],
];

const mentioned = [
    ['hi @ada', 'ada', true], ['hi @ADA!', 'ada', true], ['hi @ada', 'Ada', true], ['> **@ada**', 'ada', true], ['hi ada', 'ada', false], ['@adam', 'ada', false],
    ['@ad', 'ada', false], ['`@ada`', 'ada', false], ['```\n@ada\n```', 'ada', false], ['x@ada', 'ada', false], ['https://a.org/@ada', 'ada', false], ['', 'ada', false],
];

const emoji = ['😀', '😀😀 😀\n😀', '❤️', '👍🏽', '☝🏽', '👨‍👩‍👧‍👦', '👩🏽‍💻', '🏳️‍🌈', '👁️‍🗨️', '🇩🇪', '🇩🇪🇦🇹', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', '1️⃣', '#️⃣', ' 😀 ', '😀'.repeat(12), '👩🏽‍❤️‍💋‍👨🏿 '.repeat(12)];
const noEmoji = ['', ' ', '1', '12', '#', '*', 'a', '😀a', 'a😀', '😀1', '©', '™', '🇩', '\u200d', '\ufe0f', '😀\u200d', '⌚\ufe0e', '😀.', '😀'.repeat(13), '😀'.repeat(9999)];

const long = [
    'hi **bold *both* _x_** ~~gone~~ `code` ``two ` `` @ada, @Bob.c! (https://a.org/b_(c)?d=*e*) www.b.org. 2*3*4 snake_case ***x*** 😀👨‍👩‍👧 é',
    'first\nsecond **over\nlines** end\n\n> quoted @ada\n> > deeper *it*\n> ```\n> in code **no**\n> ```\n\nlast https://a.org/.',
    '```\nif (a < b) {\n    return *a;\n}\n```\nthen ```inline``` and\n````\n```\nnested\n```\n````\n> `x` mailto:a@b.org, *_* __init__ **a *b** c*',
];

const hostile = [
    '*', '**', '***', '*a', '*a ', '*a* ', ' *a', '**a *b _c ~~d ', '~~*_**', 'a**b', '_a', '_ _', '~~', '`', '` ``', '```\n', '````\n```\n', '``` \n', '```a ', '> ', '>\n', '> > > > > \n',
    '[', '](', '(', 'http://', 'http://a', 'http://a.org/(', 'https://a.org) ', 'www.', 'www.)', 'www.a.b ', 'mailto:', 'mailto:a', '@', '@a', '@a ', '@-', '@a.', '.', '\n', ' ', '\n\n', 'a\n', '\r', '😀',
    '\u0301', '\u202e', '\ud800', '\udc00', '<img onerror=x>',
].map(unit => [`${JSON.stringify(unit)} again and again`, unit]);

function table(rows, of) {
    for (const [text, want, ...more] of rows) is(of(text, want), more.length ? more[0] : want, named(text) + (more.length ? ` and ${want}` : ''));
}

/* processor time, as a busy machine says nothing about the code */
function msOf(run) {
    const start = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1000;
}

/* quick, whatever is asked of it, and no tree that a recursion could drown in; returns the tree */
function endures(markup, name, text) {
    let tree;
    const ms = ['parse', 'plain', 'mentions', 'isOnlyEmoji'].map(what => msOf(() => {
        const result = markup[what](text, 'ada');
        if (what === 'parse') tree = result;
    }));
    ok(Math.max(...ms) < LIMIT_MS, `${name}: in time`) || diag(`${ms.join(', ')} ms`);
    ok(depth(tree) <= DEEPEST, '... and the tree is shallow');
    return tree;
}

function beginnings(markup, text) {
    const wrong = [];
    for (let i = 0; i <= text.length; ++i) {
        for (const part of [text.slice(0, i), text.slice(i)]) {
            const tree = markup.parse(part);
            const language = /(^|\n)(?:> )*```+[^`\s]+(?=\n)/.test(part); // is dropped
            if (!language && withoutMarks(words(tree)) !== withoutMarks(part)) wrong.push(part);
        }
    }
    is(wrong, [], `${named(text)}: nothing is lost wherever it is cut`);
}

async function main() {
    const markup = await import(`data:text/javascript;base64,${fs.readFileSync(FILE).toString('base64')}`);
    const inside = text => {
        const tree = markup.parse(text);
        return tree.length === 1 && tree[0].type === 'paragraph' ? short(tree[0].children) : tree;
    };
    for (const [name, rows] of Object.entries(lines)) await story(name, () => table(rows, inside));
    await story('blocks', () => table(texts, text => short(markup.parse(text))));
    await story('a block of code has its own shape', () => {
        is(markup.parse('```js\na\n```\n`b`'), [{ type: 'code', text: 'a' }, { type: 'paragraph', children: [{ type: 'code', text: 'b' }] }], 'as it is promised');
    });
    await story('plain', () => table(plains, markup.plain));
    await story('who is mentioned', () => table(mentioned, markup.mentions));
    await story('only emoji', () => {
        table(emoji.map(text => [text, true]), markup.isOnlyEmoji);
        table(noEmoji.map(text => [text, false]), markup.isOnlyEmoji);
    });
    await story('every beginning and every end of long texts', () => long.forEach(text => beginnings(markup, text)));
    await story('hostile texts', () => {
        for (const [name, unit] of hostile) {
            const text = unit.repeat(Math.ceil(HOSTILE / unit.length));
            const tree = endures(markup, name, text);
            is(withoutMarks(words(tree)) === withoutMarks(text), true, '... and nothing is lost');
        }
        endures(markup, 'ticks of every length', Array.from({ length: 700 }, (_, i) => '`'.repeat(i + 1)).join(' '));
        endures(markup, 'brackets of a link', `http://a${'('.repeat(HOSTILE / 2)}${')'.repeat(HOSTILE / 2)}))`);
        endures(markup, 'no end of a fence', `\`\`\`a${' '.repeat(HOSTILE)}a`);
        endures(markup, 'a run of ticks in code', `\`\`\`\n${`${'`'.repeat(HOSTILE / 2)}x\n`.repeat(2)}`);
    });
    process.exitCode = done() ? 1 : 0;
}

main();
