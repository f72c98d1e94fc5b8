#!/usr/bin/env node
/* What reaches somebody who looks elsewhere, and what is there without a network. */
'use strict';

const { play, story, is, ok, until } = require('./web/harness.js');

/* stands for the browser's notices and sound, which no test can see */
const ears = () => {
    window.heard = { notices: [], notes: 0 };
    window.Notification = class {
        static permission = 'default';
        static async requestPermission() { ++window.heard.asked; return window.Notification.permission = window.wanted ?? 'granted'; }
        constructor(title, options) { window.heard.notices.push([title, options.body]); window.heard.last = this; }
        close() {}
    };
    window.heard.asked = 0;
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...args) { ++window.heard.notes; return start.apply(this, args); };
};

/* the tab is behind another one, or before again */
const turn = (page, away) => page.evaluate(away => {
    document.hasFocus = () => !away;
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => away });
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => away ? 'hidden' : 'visible' });
    document.dispatchEvent(new Event('visibilitychange'));
    if (!away) window.dispatchEvent(new Event('focus'));
}, away);

play({ '-seconds': 90 }, async ({ api, person, server, house }) => {
    const bob = await api('bob');
    const account = await api('ada');
    const direct = await bob.direct('ada');
    const ada = await person('ada', { as: account, path: null });
    await ada.context.addInitScript(ears);
    await ada.page.goto('/');
    const { page } = ada;
    const composer = page.getByRole('main').getByRole('textbox');
    await composer.waitFor();
    const heard = () => page.evaluate(() => window.heard);

    await story('nobody is asked before a click', async () => {
        await page.getByRole('button', { name: 'Settings' }).click();
        is((await heard()).asked, 0, 'opening the settings asks nothing');
        await page.evaluate(() => { window.wanted = 'denied'; });
        await page.getByRole('switch', { name: 'Notices on the desktop' }).click();
        await page.getByText('The browser does not allow it').waitFor();
        is(await page.getByRole('switch', { name: 'Notices on the desktop' }).isChecked(), false, 'refused: the switch goes back, and it is said');
        await page.evaluate(() => { window.wanted = 'granted'; });
        await page.getByRole('switch', { name: 'Notices on the desktop' }).click();
        await until('it is asked', async () => (await heard()).asked === 2);
        is(await page.getByRole('switch', { name: 'Notices on the desktop' }).isChecked(), true, 'granted: it stays');
        await page.keyboard.press('Escape');
    });

    await story('looking elsewhere', async () => {
        await turn(page, true);
        await bob.say('nothing for you');
        await bob.say('hey **@ada**, look');
        await until('a notice comes', async () => (await heard()).notices.length > 0);
        is((await heard()).notices, [['bob · general', 'hey @ada, look']], 'a message with my name is told, others are not');
        await until('a sound', async () => (await heard()).notes === 2);
        await bob.say('psst', direct.id);
        await until('another notice', async () => (await heard()).notices.length === 2);
        is((await heard()).notices[1], ['bob', 'psst'], 'and what comes in a direct room');
        await until('the title counts', async () => await page.title() === '(3) Chatterbox');
        await until('the icon has a dot', async () => (await page.locator('link[rel=icon]').getAttribute('href')).startsWith('data:image/png'));
        await page.evaluate(() => window.heard.last.onclick());
        await until('a click opens the room', async () => await page.getByRole('heading', { level: 1 }).textContent() === 'bob');
        await page.locator('.text', { hasText: 'psst' }).waitFor();
    });

    await story('looking here again', async () => {
        await turn(page, false);
        await until('what is on the screen is read', async () => await page.title() === '(2) Chatterbox');
        await page.getByRole('button', { name: /^general/ }).click();
        await until('and the rest', async () => await page.title() === 'Chatterbox');
        await until('the dot is gone', async () => (await page.locator('link[rel=icon]').getAttribute('href')).endsWith('favicon.svg'));
        await bob.say('@ada here you are');
        await page.locator('.text', { hasText: 'here you are' }).waitFor();
        is((await heard()).notices.length, 2, 'what one sees is not told again');
    });

    await story('switched off', async () => {
        await page.getByRole('button', { name: 'Settings' }).click();
        await page.getByRole('switch', { name: 'A soft sound' }).click();
        await page.getByRole('switch', { name: 'Notices on the desktop' }).click();
        await page.keyboard.press('Escape');
        const before = await heard();
        await turn(page, true);
        await bob.say('@ada?', direct.id);
        await until('it is counted', async () => /^\(1\)/.test(await page.title()));
        is(await heard(), before, 'no notice and no sound');
        await turn(page, false);
    });

    await story('without a network', async () => {
        const get = path => page.evaluate(async path => { const r = await fetch(path); return [r.headers.get('content-type'), await r.text()]; }, path);
        const manifest = JSON.parse((await get('manifest.json'))[1]);
        is([manifest.display, manifest.icons.length], ['standalone', 2], 'it can be installed');
        for (const { src } of manifest.icons) is((await get(src))[0], 'image/svg+xml', `${src} is there`);
        await until('the shell is kept', () => page.evaluate(async () => {
            const kept = await (await caches.open((await caches.keys())[0])).keys();
            return kept.some(({ url }) => url.endsWith('/js/app.js')) && kept.some(({ url }) => url.endsWith('/css/log.css'));
        }), 20);
        await page.getByRole('button', { name: /^general/ }).click();
        await page.locator('.text', { hasText: 'here you are' }).waitFor();
        await until('it is remembered', () => page.evaluate(() => new Promise(resolve => {
            const open = indexedDB.open('chatterbox');
            open.onsuccess = () => {
                const all = open.result.transaction('rooms').objectStore('rooms').get(1);
                all.onsuccess = () => { open.result.close(); resolve(all.result?.messages.some(m => /here you are/.test(m.text))); };
            };
        })), 10);
        ada.forgiveAbsence();
        is(await server.stop(), 0, 'the server is away');
        await page.reload();
        await page.locator('.text', { hasText: 'here you are' }).waitFor();
        is(await page.getByRole('heading', { level: 1 }).textContent(), 'general', 'a reload shows the room and what was said in it');
        await composer.fill('written without a server');
        await composer.press('Enter');
        await page.locator('.text', { hasText: 'written without a server' }).waitFor();
        await server.start();
        await until('it arrives', async () => (await bob.get('/api/rooms/1/messages')).messages.some(m => m.text === 'written without a server'), 40);
        ok(true, 'and what is written then is sent when the server is back');
    });
});
