#!/usr/bin/env node
/* What people write with marks: what it becomes, and that nothing else becomes of it. The parser is called in the browser
 * that will use it; what stands in a message is looked at in the message. */
'use strict';

const { play, story, is, ok, until } = require('./web/harness.js');

/* a tree as text: strong(b) em(i) del(d) code(c) quote(…) link(href) @(name), | is a break, paragraphs end with ¶ */
function show(nodes) {
    const one = {
        text: n => n.text, break: () => '|', mention: n => `@(${n.name})`, link: n => `link(${n.href})`,
        paragraph: n => `${show(n.children)}¶`, code: n => `code(${n.text})`,
    };
    return nodes.map(n => one[n.type]?.(n) ?? `${n.type}(${show(n.children)})`).join('');
}

const table = [
    ['plain', 'plain¶'],
    ['two\nlines', 'two|lines¶'],
    ['two\n\nparagraphs', 'two¶paragraphs¶'],
    ['**bold** and *italic* and _too_ and ~~gone~~', 'strong(bold) and em(italic) and em(too) and del(gone)¶'],
    ['**bold *and italic* inside**', 'strong(bold em(and italic) inside)¶'],
    ['snake_case_name and 2*3*4 and a ** b', 'snake_case_name and 2*3*4 and a ** b¶'],
    ['**never ended', '**never ended¶'],
    ['*a **b* c**', 'em(a **b) c**¶'],
    ['****', '****¶'],
    ['`code **x**` after', 'code(code **x**) after¶'],
    ['```\nlet x = 1;\n  **no**\n```\nafter', 'code(let x = 1;\n  **no**)after¶'],
    ['```js\nx\n```', 'code(x)'],
    ['```\nnever ended', '```|never ended¶'],
    ['> quoted\n> more\nafter', 'quote(quoted|more¶)after¶'],
    ['> one\n> > two', 'quote(one¶quote(two¶))'],
    ['>no space', '>no space¶'],
    ['1 > 0', '1 > 0¶'],
    ['see https://example.org/a_b_(c). And', 'see link(https://example.org/a_b_(c)). And¶'],
    ['(https://example.org/)', '(link(https://example.org/))¶'],
    ['www.example.org, mailto:ada@example.org!', 'link(https://www.example.org), link(mailto:ada@example.org)!¶'],
    ['**https://example.org**', 'strong(link(https://example.org))¶'],
    ['javascript:alert(1) data:text/html,x ftp://x https://', 'javascript:alert(1) data:text/html,x ftp://x https://¶'],
    ['[x](javascript:alert(1))', '[x](javascript:alert(1))¶'],
    ['@ada, @bob.smith. and me@example.org', '@(ada), @(bob.smith). and me@example.org¶'],
    ['@Jürgen_2!', '@(Jürgen_2)!¶'],
    ['`@ada`', 'code(@ada)¶'],
    ['<b>x</b> &amp;', '<b>x</b> &amp;¶'],
];

const hostile = ['*', '**a', '_a ', '~~', '`', '`x\n', '```x\n', '> ', '[', '@', '@a', 'http://', 'http://a)', 'www.', '**a _b ~~c '];

play({}, async ({ api, person }) => {
    const ada = await person('ada', { as: await api('ada') });
    const { page } = ada;
    await page.getByRole('textbox').first().waitFor();
    const call = (name, ...args) => page.evaluate(async ([name, args]) => (await import('/js/lib/marks.js'))[name](...args), [name, args]);

    await story('marks', async () => {
        const trees = await page.evaluate(async texts => texts.map((await import('/js/lib/marks.js')).parse), table.map(([text]) => text));
        table.forEach(([text, want], i) => is(show(trees[i]), want, JSON.stringify(text)));
    });

    await story('nothing that was written is lost', async () => {
        const text = '> a **b** `c`\n\n@ada https://x.org/(y) ~~d~~ _e_\n```\nf\n```\n**g';
        const lost = await page.evaluate(async text => {
            const { parse } = await import('/js/lib/marks.js');
            const words = nodes => nodes.map(n => n.children ? words(n.children) : n.type === 'break' ? '' : n.name ?? n.text).join('');
            const letters = s => s.replace(/[^a-z0-9]/gi, '');
            const wrong = [];
            for (let i = 0; i <= text.length; ++i)
                for (const part of [text.slice(0, i), text.slice(i)])
                    if (letters(words(parse(part))) !== letters(part)) wrong.push(part);
            return wrong;
        }, text);
        is(lost, [], 'cut at every place, every letter is there');
    });

    await story('hostile text takes no time', async () => {
        const slow = await page.evaluate(async pieces => {
            const { parse, isOnlyEmoji, plain } = await import('/js/lib/marks.js');
            const times = {};
            for (const piece of pieces) {
                const text = piece.repeat(16000 / piece.length);
                const start = performance.now();
                parse(text), isOnlyEmoji(text), plain(text);
                times[piece] = performance.now() - start;
            }
            return times;
        }, hostile);
        for (const [piece, ms] of Object.entries(slow)) ok(ms < 300, `${JSON.stringify(piece)} 16 kB long: ${Math.round(ms)} ms`);
    });

    await story('emoji, mentions, and one line', async () => {
        for (const text of ['🎉', '🎉🎉 🎉', '👍🏽', '👨‍👩‍👧', '🇩🇪', '1️⃣']) is(await call('isOnlyEmoji', text), true, `${text} is only emoji`);
        for (const text of ['', ' ', '1', '#', 'a🎉', '🎉'.repeat(13)]) is(await call('isOnlyEmoji', text), false, `${JSON.stringify(text)} is not`);
        is(await call('mentions', 'hi @Ada!', 'ada'), true, 'a name, whatever its case');
        is(await call('mentions', '**@ada**', 'ada'), true, '... within marks');
        is(await call('mentions', '`@ada` @adam x@ada', 'ada'), false, 'not in code, not in another name');
        is(await call('plain', '> hi **you**\n`x` @ada\n\n🎉'), 'hi you x @ada 🎉', 'one line');
    });

    await story('in a message', async () => {
        const bob = await api('bob');
        await bob.say('> so\n\n**b** _i_ ~~d~~ `c` https://example.org/ @ada @cleo <img src=x onerror=alert(1)>\n```\nwide\n```');
        await bob.say('🎉');
        const text = page.locator('.text').filter({ hasText: 'wide' });
        await text.waitFor();
        const tags = await text.evaluate(node => [...new Set([...node.querySelectorAll('*')].map(each => each.localName))].sort());
        is(tags, ['a', 'blockquote', 'button', 'code', 'del', 'em', 'p', 'pre', 'strong'], 'these elements, and no others');
        const link = text.locator('a');
        is([await link.getAttribute('target'), await link.getAttribute('rel')], ['_blank', 'noopener noreferrer nofollow'], 'a link opens elsewhere, and gives nothing away');
        is(await text.locator('.mention.mine').allTextContents(), ['@ada'], 'my name stands out');
        const size = await page.locator('.text').filter({ hasText: '🎉' }).evaluate(node => parseFloat(getComputedStyle(node).fontSize));
        ok(size >= 30, `only emoji are large: ${size} px`);
        ada.forgive(/404/);
        const [answer] = await Promise.all([page.waitForResponse(/api.direct/), text.getByRole('button', { name: '@cleo' }).click()]);
        is([answer.status(), await page.getByRole('heading', { level: 1 }).textContent()], [404, 'general'], 'a name that nobody has opens nothing');
    });
});
