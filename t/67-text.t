#!/usr/bin/env node
/* What people write with marks, as it stands in a message: these elements and no others. The marks themselves are
 * 60-markup.t's. */
'use strict';

const { play, story, is, ok, until } = require('./web/harness.js');

play({}, async ({ api, person }) => {
    const ada = await person('ada', { as: await api('ada') });
    const { page } = ada;
    await page.getByRole('textbox').first().waitFor();
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
