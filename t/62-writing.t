#!/usr/bin/env node
/* 62-writing.t -- what one writes: keys, growing, receipts, drafts, what is refused, who types, names and emoji. */
'use strict';

const { play, story, ok, is, like, until, limit } = require('./web/harness.js');
const { setTimeout: pause } = require('node:timers/promises');

const LIMIT = 300; // bytes of a message
const NOT_NOW_MS = 400; // what should not happen gets so long to happen

const field = page => page.getByRole('textbox', { name: 'Message', exact: true });
const rows = page => page.getByRole('log').getByRole('article');
const row = (page, text) => rows(page).filter({ hasText: text });
const texts = page => rows(page).locator('.text').allInnerTexts();
const receipt = (page, text, name) => row(page, text).getByRole('button', { name, exact: true });
const suggestions = page => page.getByRole('listbox', { name: 'Suggestions' });

async function valueIs(page, text) {
    let have;
    await until('the text', async () => (have = await field(page).inputValue()) === text).catch(() => {});
    is(have, text, `${JSON.stringify(text)} is in the field`);
}

async function write(page, text) {
    await field(page).fill(text);
    await field(page).press('Enter');
}

async function type(page, text) {
    await field(page).fill('');
    await field(page).pressSequentially(text);
}

async function enterRoom(page, name) {
    await page.getByRole('navigation', { name: 'Rooms' }).getByRole('button', { name }).click();
    await page.getByRole('heading', { level: 1, name }).waitFor();
}

async function choose(page, label, option) {
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByRole('dialog', { name: 'Settings' }).getByLabel(label).selectOption(option);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
}

/* what the page remembers is written a moment later: waits until this text is in it */
const remembered = (page, text) => until(`the page remembers ${text}`, () => page.evaluate(wanted => new Promise((resolve, reject) => {
    const open = indexedDB.open('chatterbox');
    open.onerror = reject;
    open.onsuccess = () => {
        const rooms = open.result.transaction('rooms').objectStore('rooms').getAll();
        rooms.onsuccess = () => resolve(JSON.stringify(rooms.result).includes(wanted));
        open.result.close();
    };
}), text));

/* what the server has of the room's newest messages */
const stored = async (who, room = 1) => (await who.get(`/api/rooms/${room}/messages?limit=200`)).messages.map(({ text }) => text);

play({ 'chatterbox.message-limit': LIMIT, '-seconds': 120 }, async ({ server, api, person }) => {
    const [adaApi, bobApi, cleo] = await Promise.all([api('ada'), api('bob'), api('cleo')]);
    const ada = await person('ada', { as: adaApi });
    const { page } = ada;
    const sent = []; // what goes to the server by the live connection
    page.on('websocket', socket => socket.on('framesent', ({ payload }) => sent.push(JSON.parse(payload))));
    await field(page).waitFor();
    ada.forgiveAbsence();

    const stop = () => server.stop('SIGKILL');
    const start = async settings => {
        Object.assign(server.settings, settings);
        await server.start();
    };

    await story('Enter sends, Shift+Enter breaks the line', async () => {
        await type(page, 'first line');
        await page.keyboard.press('Shift+Enter');
        await page.keyboard.type('second line');
        await valueIs(page, 'first line\nsecond line');
        is(await rows(page).count(), 0, 'nothing is sent yet');
        await page.keyboard.press('Enter');
        await receipt(page, 'first line', 'Delivered').waitFor();
        is(await stored(bobApi), ['first line\nsecond line'], 'one message of two lines');
        is(await field(page).inputValue(), '', 'the field is empty');
        ok(await field(page).evaluate(node => node === document.activeElement), '... and has the focus');
        await type(page, '  \n ');
        await page.keyboard.press('Enter');
        ok(await page.getByRole('button', { name: 'Send' }).isDisabled(), 'with only spaces there is nothing to send');
        await type(page, 'by the button');
        await page.getByRole('button', { name: 'Send' }).click();
        await receipt(page, 'by the button', 'Delivered').waitFor();
        is((await stored(bobApi)).length, 2, 'the button sends, too');
    });

    await story('the keys can be swapped', async () => {
        await choose(page, 'Keyboard', 'Enter breaks the line, Shift+Enter sends');
        await page.reload();
        await type(page, 'swapped');
        await page.keyboard.press('Enter');
        await page.keyboard.type('keys');
        await valueIs(page, 'swapped\nkeys');
        await page.keyboard.press('Shift+Enter');
        await receipt(page, 'swapped', 'Delivered').waitFor();
        is((await stored(bobApi)).at(-1), 'swapped\nkeys', 'Enter breaks, Shift+Enter sends');
        await choose(page, 'Keyboard', 'Enter sends, Shift+Enter breaks the line');
        await write(page, 'and back');
        await receipt(page, 'and back', 'Delivered').waitFor();
        ok(true, 'Enter sends again');
    });

    await story('the Enter that ends a composition does not send', async () => {
        await field(page).fill('にほん');
        const press = init => field(page).evaluate((node, given) => node.dispatchEvent(
            new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...given })), init);
        const before = await rows(page).count();
        await press({ isComposing: true });
        await press({ keyCode: 229 }); // Safari: the composition is over just before the key is told
        await pause(NOT_NOW_MS);
        is([await rows(page).count(), await field(page).inputValue()], [before, 'にほん'], 'the text stays where it is');
        await press({});
        await receipt(page, 'にほん', 'Delivered').waitFor();
        is(await rows(page).count(), before + 1, 'the next Enter sends');
    });

    await story('the field grows with its lines, up to a limit', async () => {
        const size = () => field(page).evaluate(({ clientHeight, scrollHeight }) => ({ clientHeight, scrollHeight }));
        const one = await size();
        await field(page).fill('1\n2\n3\n4');
        const four = await size();
        ok(four.clientHeight > one.clientHeight + 40, `four lines are higher than one: ${four.clientHeight} > ${one.clientHeight}`);
        ok(four.scrollHeight <= four.clientHeight, '... and all of them are to be seen');
        await field(page).fill('x\n'.repeat(60));
        const sixty = await size();
        ok(sixty.clientHeight <= 800 / 2, `sixty do not take more than half of the window: ${sixty.clientHeight}`);
        ok(sixty.scrollHeight > sixty.clientHeight * 2, '... they scroll inside');
        ok(await page.evaluate(() => document.scrollingElement.scrollHeight <= innerHeight), '... and the page does not');
        await field(page).fill('');
        is(await size(), one, 'empty, it is small again');
    });

    await story('pending at once, then delivered, then seen', async () => {
        server.child.kill('SIGSTOP');
        try {
            await write(page, 'on its way');
            await receipt(page, 'on its way', 'Not sent yet').waitFor({ timeout: limit(2) * 1000 });
            is(await receipt(page, 'on its way', 'Not sent yet').innerText(), '◌', 'it is shown while the server says nothing');
            is((await texts(page)).at(-1), 'on its way', '... as the last one');
        } finally {
            server.child.kill('SIGCONT');
        }
        await receipt(page, 'on its way', 'Delivered').waitFor();
        is(await receipt(page, 'on its way', 'Delivered').innerText(), '○', 'then it is delivered');
        const bob = await person('bob', { as: bobApi });
        await row(bob.page, 'on its way').waitFor();
        await receipt(page, 'on its way', 'Seen by bob').waitFor();
        is(await receipt(page, 'on its way', 'Seen by bob').innerText(), '●', 'then bob has seen it');
        is(await row(page, 'on its way').count(), 1, 'it is one message from first to last');
        is(await row(bob.page, 'on its way').getByRole('button', { name: /Seen|Delivered/ }).count(), 0, 'bob has no sign at what others wrote');
        await bob.context.close();
    });

    await story('two tabs of one person', async () => {
        const other = await ada.context.newPage();
        await other.goto('/');
        await row(other, 'on its way').waitFor();
        await write(page, 'said in one tab');
        await row(other, 'said in one tab').waitFor();
        await receipt(page, 'said in one tab', 'Delivered').waitFor();
        await receipt(other, 'said in one tab', 'Delivered').waitFor();
        is([await row(page, 'said in one tab').count(), await row(other, 'said in one tab').count()], [1, 1], 'once in each');
        await row(other, 'said in one tab').hover();
        is(await row(other, 'said in one tab').getByRole('button', { name: 'Edit' }).count(), 1, '... and as an own one, which can be edited');
        await other.close();
    });

    await story('what is too long', async () => {
        const left = page.locator('chat-composer').getByRole('status');
        const send = page.getByRole('button', { name: 'Send' });
        await field(page).fill('x'.repeat(LIMIT - 200));
        is(await left.innerText(), '', 'nothing is said while there is room');
        await field(page).fill('ä'.repeat(LIMIT / 2 - 5));
        is(await left.innerText(), '10', 'near the limit the bytes that are left are shown');
        await field(page).fill('x'.repeat(LIMIT));
        is([await left.innerText(), await send.isEnabled()], ['0', true], 'just the limit can be sent');
        await field(page).press('End');
        await page.keyboard.type('yz');
        is([await left.innerText(), await send.isEnabled()], ['-2', false], 'over it there is no sending');
        const before = await rows(page).count();
        await page.keyboard.press('Enter');
        await pause(NOT_NOW_MS);
        is([await rows(page).count(), (await field(page).inputValue()).length], [before, LIMIT + 2], '... and not with Enter, but nothing is lost');
        await page.keyboard.press('Backspace');
        await page.keyboard.press('Backspace');
        await page.keyboard.press('Enter');
        await receipt(page, 'x'.repeat(LIMIT), 'Delivered').waitFor();
        is(await left.innerText(), '', 'shortened it is sent');
    });

    await story('drafts, one for each room', async () => {
        const { id } = await bobApi.makeRoom({ name: 'kitchen' });
        await adaApi.join(id);
        await field(page).fill('for the general room');
        await enterRoom(page, 'kitchen');
        is(await field(page).inputValue(), '', 'the other room has no draft');
        await field(page).fill('for the kitchen\nonly');
        await enterRoom(page, 'general');
        is(await field(page).inputValue(), 'for the general room', 'back in the first, its draft is there');
        await enterRoom(page, 'kitchen');
        is(await field(page).inputValue(), 'for the kitchen\nonly', '... and the second has its own');
        await page.keyboard.type(' typed');
        await page.reload();
        await valueIs(page, 'for the kitchen\nonly typed');
        ok(true, 'a reload keeps it');
        await field(page).press('Enter');
        await receipt(page, 'for the kitchen', 'Delivered').waitFor();
        await enterRoom(page, 'general');
        is(await field(page).inputValue(), 'for the general room', 'so does the other, unsent');
        await enterRoom(page, 'kitchen');
        await page.reload();
        await row(page, 'for the kitchen').waitFor();
        is(await field(page).inputValue(), '', 'what was sent is no draft any more');
        await enterRoom(page, 'general');
        await field(page).fill('');
        is(await stored(bobApi, id), ['for the kitchen\nonly typed'], 'it went where it was written');
    });

    await story('who is typing', async () => {
        await Promise.all([bobApi, cleo].map(each => each.connect()));
        const line = page.locator('chat-typing');
        const shows = text => until(`the line says ${JSON.stringify(text)}: ${text}`, async () => await line.innerText() === text);
        bobApi.typing();
        await shows('bob is typing…');
        cleo.typing();
        await shows('bob and cleo are typing…');
        const since = Date.now();
        await bobApi.say('now said');
        await shows('cleo is typing…');
        ok(true, 'one, both, and who has said it no longer');
        await row(page, 'now said').waitFor();
        await shows('');
        const seconds = (Date.now() - since) / 1000;
        ok(seconds > 3 && seconds < 7, `who stops is forgotten after five seconds (${seconds})`);
        sent.length = 0;
        await type(page, 'hello');
        await until('bob hears that ada types', () => bobApi.frames.some(frame => frame.type === 'typing' && frame.username === 'ada'));
        is(await line.innerText(), '', 'of oneself nothing is said');
        is(sent.filter(frame => frame.type === 'typing').length, 1, '... and others are told once, not at every key');
        await field(page).fill('');
    });

    await story('names after @', async () => {
        await type(page, 'hi @');
        await suggestions(page).waitFor();
        is(await suggestions(page).getByRole('option').allInnerTexts().then(all => all.map(text => text.split(/\s/)[0])), ['bob', 'cleo'], 'everybody but me');
        await page.keyboard.type('c');
        await suggestions(page).getByRole('option', { name: 'bob' }).waitFor({ state: 'detached' });
        await page.keyboard.press('Enter');
        await valueIs(page, 'hi @cleo ');
        ok(!await suggestions(page).isVisible(), 'Enter takes it and the list is gone');
        await page.keyboard.type('and @');
        await suggestions(page).getByRole('option', { name: 'bob', selected: true }).waitFor();
        await page.keyboard.press('ArrowDown');
        await suggestions(page).getByRole('option', { name: 'cleo', selected: true }).waitFor();
        await page.keyboard.press('ArrowUp');
        await page.keyboard.press('Tab');
        await valueIs(page, 'hi @cleo and @bob ');
        await page.keyboard.type('or @');
        await suggestions(page).getByRole('option', { name: 'cleo' }).click();
        await valueIs(page, 'hi @cleo and @bob or @cleo ');
        ok(await field(page).evaluate(node => node === document.activeElement), 'after a click one writes on');
        await page.keyboard.type('@b');
        await suggestions(page).waitFor();
        await page.keyboard.press('Escape');
        await suggestions(page).waitFor({ state: 'hidden' });
        await page.keyboard.press('Enter');
        await receipt(page, 'hi @cleo', 'Delivered').waitFor();
        is((await stored(bobApi)).at(-1), 'hi @cleo and @bob or @cleo @b', 'Escape leaves the text, and Enter sends it');
        await type(page, 'me@b');
        await pause(NOT_NOW_MS);
        ok(!await suggestions(page).isVisible(), 'an address is no mention');
        await field(page).fill('');
    });

    await story('emoji after a colon', async () => {
        await type(page, 'look :rocke');
        await suggestions(page).getByRole('option', { name: ':rocket:', selected: true }).waitFor();
        await page.keyboard.press('Enter');
        await valueIs(page, 'look 🚀 ');
        await type(page, 'fine :thumbsup');
        await suggestions(page).getByRole('option', { name: ':thumbsup:' }).click();
        await until('it is in the field', async () => /^fine 👍\uFE0F? $/u.test(await field(page).inputValue()));
        await type(page, ':smile:');
        await suggestions(page).getByRole('option', { name: ':smile:', selected: true }).waitFor();
        await page.keyboard.press('Enter');
        await valueIs(page, '😄 ');
        ok(true, 'by keys, by click, and with the whole name');
        await type(page, 'at 10:30');
        await pause(NOT_NOW_MS);
        ok(!await suggestions(page).isVisible(), 'a time is no emoji');
        await field(page).fill('');
    });

    await story('the emoji picker', async () => {
        const button = page.locator('chat-composer').getByRole('button', { name: 'Emoji' });
        const box = page.getByRole('dialog', { name: 'Emoji' });
        const search = async (words, name) => {
            await box.getByRole('combobox').fill(words);
            await box.getByRole('option', { name }).first().click();
            await box.waitFor({ state: 'detached' });
        };
        await field(page).fill('ab');
        await field(page).press('ArrowLeft');
        await button.click();
        await box.getByRole('menuitem').first().waitFor();
        is(await button.getAttribute('aria-expanded'), 'true', 'the button opens it');
        const recents = box.getByRole('menu', { name: 'Favorites' });
        await recents.getByRole('menuitem').first().waitFor();
        is(await recents.getByRole('menuitem', { name: /^🦔/ }).count(), 0, 'the hedgehog was not used yet');
        await until('the search has the focus', () => box.getByRole('combobox').evaluate(node => node.getRootNode().activeElement === node));
        await search('hedgehog', /^🦔/);
        await valueIs(page, 'a🦔b');
        ok(await field(page).evaluate(node => node === document.activeElement), 'it is put in at the caret, and one writes on');
        await page.keyboard.type('!');
        await valueIs(page, 'a🦔!b');

        await button.click();
        await recents.getByRole('menuitem', { name: /^🦔/ }).waitFor();
        ok(true, 'what was used is among the recent ones');
        await box.getByRole('button', { name: /skin tone/ }).click();
        await box.getByRole('option', { name: 'Medium', exact: true }).click();
        await search('waving hand', /^👋🏽/);
        await valueIs(page, 'a🦔!👋🏽b');
        ok(true, 'in the chosen skin tone');

        await button.click();
        await box.getByRole('combobox').press('Escape');
        await box.waitFor({ state: 'detached' });
        is(await button.getAttribute('aria-expanded'), 'false', 'Escape closes it');
        ok(await page.locator('chat-composer').evaluate(node => node.contains(document.activeElement)), '... and the focus is back at writing');
        await button.click();
        await box.getByRole('combobox').waitFor();
        await page.getByRole('log').click({ position: { x: 30, y: 30 } });
        await box.waitFor({ state: 'detached' });
        ok(true, 'so does a click elsewhere');
        await field(page).fill('');
    });

    await story('refused for good: it stays, marked, and one decides', async () => {
        const long = ['a'.repeat(LIMIT - 10), 'b'.repeat(LIMIT - 10)];
        await stop();
        for (const text of [...long, 'a short one']) {
            await write(page, text);
            await receipt(page, text, 'Not sent yet').waitFor();
        }
        await start({ 'chatterbox.message-limit': 100 });
        await receipt(page, 'a short one', 'Delivered').waitFor();
        ok(true, 'what comes behind it is sent');
        for (const text of long)
            like(await row(page, text).innerText(), /Not sent: The text is too long\.\s*Try again\s*Discard/, 'the reason stands under it');
        await page.reload();
        await receipt(page, long[1], 'Not sent').waitFor();
        is(await receipt(page, long[0], 'Not sent').innerText(), '!', 'a reload does not lose it');

        await row(page, long[0]).getByRole('button', { name: 'Try again' }).click();
        await receipt(page, long[0], 'Not sent').waitFor();
        is((await stored(bobApi)).includes(long[0]), false, 'tried again it is refused again');
        await row(page, long[1]).getByRole('button', { name: 'Discard' }).click();
        await row(page, long[1]).waitFor({ state: 'detached' });

        await stop();
        await start({ 'chatterbox.message-limit': LIMIT });
        await page.reload();
        await receipt(page, long[0], 'Not sent').waitFor();
        is(await row(page, long[1]).count(), 0, 'what was discarded does not come back');
        await row(page, long[0]).getByRole('button', { name: 'Try again' }).click();
        await receipt(page, long[0], 'Delivered').waitFor();
        is((await stored(bobApi)).filter(text => long.includes(text)), [long[0]], 'the other one is sent when it can be');
    });

    await story('a room that is no longer mine', async () => {
        const { id } = await bobApi.makeRoom({ name: 'closed shop', kind: 'private' });
        await bobApi.add(id, 'ada');
        await enterRoom(page, 'closed shop');
        await remembered(page, 'closed shop');
        await stop();
        await write(page, 'words for the shop');
        await receipt(page, 'words for the shop', 'Not sent yet').waitFor();
        await page.goto('about:blank');
        await server.start();
        await bobApi.request('DELETE', `/api/rooms/${id}/members/ada`);
        ada.forgive(/404.*members/);
        await page.goto('/');
        await receipt(page, 'words for the shop', 'Not sent').waitFor();
        like(await row(page, 'words for the shop').innerText(), /Not sent: .*Try again\s*Discard/s, 'what was written there is not lost');
        await row(page, 'words for the shop').getByRole('button', { name: 'Discard' }).click();
        await row(page, 'words for the shop').waitFor({ state: 'detached' });
        ok(true, '... until it is discarded');
    });

    await story('faster than the server allows', async () => {
        await stop();
        await start({ 'chatterbox.rate': 2 });
        await page.reload();
        await row(page, 'a short one').waitFor();
        const ten = Array.from({ length: 10 }, (_, i) => `quick ${i + 1}.`);
        for (const text of ten)
            await write(page, text);
        is((await texts(page)).slice(-10), ten, 'all are shown at once');
        let failed = 0;
        await until('all of them are delivered', async () => {
            failed += await page.getByRole('button', { name: 'Try again' }).count();
            return await receipt(page, /quick \d+\./, 'Delivered').count() === 10;
        }, 30);
        is(failed, 0, 'no error is shown meanwhile');
        is((await stored(bobApi)).slice(-10), ten, 'each arrives once, in order');
        is((await texts(page)).slice(-10), ten, '... and that is how they stand here');
    });
});
