#!/usr/bin/env node
/* 63-connection.t -- the connection is lost and comes back: what is said of it, and that nothing is lost or doubled. */
'use strict';

const { play, story, ok, is, like, until, limit } = require('./web/harness.js');

const field = page => page.getByRole('textbox', { name: 'Message', exact: true });
const rows = page => page.getByRole('log').getByRole('article');
const row = (page, text) => rows(page).filter({ hasText: text });
const receipt = (page, text, name) => row(page, text).getByRole('button', { name });
const WAITS = 'Not sent yet', ARRIVED = /^(?:Delivered|Seen by .*)$/;
const lost = page => page.locator('chat-connection');
const tryNow = page => page.getByRole('button', { name: 'Try now' });
const has = (page, text) => row(page, text).waitFor();

/* what stands in the log of these: [text, text …], each as often as it is there */
async function shown(page, pattern) {
    const all = await rows(page).locator('.text').allInnerTexts();
    return all.map(text => text.trim()).filter(text => pattern.test(text));
}

/* what the server has of these */
async function stored(who, pattern) {
    const { messages } = await who.get('/api/rooms/1/messages?limit=200');
    return messages.map(({ text }) => text).filter(text => pattern.test(text));
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

async function write(page, text) {
    await field(page).fill(text);
    await field(page).press('Enter');
}

async function writeAll(page, texts) {
    for (const text of texts) await write(page, text);
}

/* the seconds that are announced until the next try, or null */
async function announced(page) {
    const found = await lost(page).isVisible() && /Next try in (\d+) seconds?/.exec(await lost(page).innerText());
    return found ? Number(found[1]) : null;
}

const numbered = (word, n) => Array.from({ length: n }, (_, i) => `${word} ${i + 1}.`);
const isBack = (page, seconds) => lost(page).waitFor({ state: 'hidden', timeout: limit(seconds) * 1000 });

/* fails until the next try is so far away (s) that nobody takes it for what is done at once */
async function waitsLong(page, seconds = 6) {
    await until('the next try is far away', async () => {
        if (await announced(page) >= seconds) return true;
        if (await tryNow(page).isVisible()) await tryNow(page).click();
        return false;
    }, 20);
}

/* for a page whose clock is ours: the time until the next try passes, until it is a success */
async function waitOut(page) {
    await until('the page is back', async () => {
        const seconds = await announced(page);
        if (seconds) await page.clock.fastForward(seconds * 1000);
        return lost(page).isHidden();
    });
}

play({ '-seconds': 150 }, async ({ server, api, person }) => {
    const [adaApi, bob] = await Promise.all([api('ada'), api('bob')]);
    const ada = await person('ada', { as: adaApi, serviceWorkers: 'block' });
    const { page } = ada;
    const kill = () => server.stop('SIGKILL');
    ada.forgiveAbsence();
    await field(page).waitFor();

    await story('the server goes and comes back', async () => {
        const texts = ['stays', 'is edited', 'is deleted'];
        const ids = [];
        for (const text of texts) ids.push((await bob.say(text)).id);
        await has(page, 'is deleted');
        ok(await lost(page).isHidden(), 'nothing is said while all is well');
        is(await server.stop(), 0, 'the server ends');
        await lost(page).waitFor();
        like(await lost(page).innerText(), /^No connection\./, 'a line says that the connection is lost');
        await waitsLong(page, 10);
        const first = await announced(page);
        await until('the seconds go down', async () => await announced(page) === first - 2);
        ok(true, 'the seconds until the next try are counted down');

        await server.start();
        await bob.connect();
        await bob.edit(ids[1], 'was edited');
        await bob.delete(ids[2]);
        const later = await bob.say('was said meanwhile');
        await bob.edit(later.id, 'was said and changed meanwhile');
        ok(await announced(page) > 3, 'the next try would come later');
        await tryNow(page).click();
        await isBack(page, 2);
        ok(true, '"Try now" tries now, and the line is gone');
        await has(page, 'was said and changed meanwhile');
        await row(page, 'This message was deleted').waitFor();
        is((await shown(page, /./)).map(text => text.replace(/\s*edited .*M$/s, '')),
            ['stays', 'was edited', 'This message was deleted', 'was said and changed meanwhile'], 'what was missed is there, each once and in order');
        await bob.say('and it goes on');
        await has(page, 'and it goes on');
    });

    await story('one writes while there is no connection', async () => {
        const three = numbered('offline', 3);
        await kill();
        await lost(page).waitFor();
        await writeAll(page, three);
        is(await shown(page, /^offline/), three, 'it is shown at once, in order');
        is(await receipt(page, 'offline', WAITS).count(), 3, '... as not sent yet');
        await server.start();
        await until('all of it is delivered', async () => await receipt(page, 'offline', ARRIVED).count() === 3);
        is(await stored(bob, /^offline/), three, 'the server has each once, in order');
        is(await shown(page, /^offline/), three, '... and so has the page');
    });

    await story('the tab is closed before anything could be sent', async () => {
        const three = numbered('left behind', 3);
        const tab = await ada.context.newPage();
        await tab.goto('/');
        await has(tab, 'offline 3.');
        await page.goto('about:blank');
        await kill();
        await lost(tab).waitFor();
        await writeAll(tab, three);
        await receipt(tab, three[2], WAITS).waitFor();
        await tab.close();
        await server.start();
        is(await stored(bob, /^left behind/), [], 'nothing was sent');
        await page.goto('/');
        await until('all of it is delivered', async () => await receipt(page, 'left behind', ARRIVED).count() === 3);
        is(await stored(bob, /^left behind/), three, 'the next tab sends it, once and in order');
        is(await shown(page, /^left behind/), three, '... and shows it so');
        await page.reload();
        await has(page, three[2]);
        await write(page, 'the one after');
        await receipt(page, 'the one after', ARRIVED).waitFor();
        is(await stored(bob, /^left behind/), three, 'it is not sent again by the tab after that');
    });

    await story('the server is killed while one writes and writes', async () => {
        const fifty = numbered('quick', 50);
        const disaster = async () => {
            await until('some are delivered', async () => await receipt(page, 'quick', ARRIVED).count() >= 10);
            await kill();
            await server.start();
        };
        await Promise.all([writeAll(page, fifty), disaster()]);
        await until('all of it is delivered', async () => await receipt(page, 'quick', ARRIVED).count() === 50, 20);
        is(await stored(bob, /^quick/), fifty, 'the server has each of fifty once, in order');
        is(await shown(page, /^quick/), fifty, '... and so has the page');
    });

    await story('the server took it, and its answer was lost', async () => {
        const three = numbered('unanswered', 3);
        const eve = await person('eve', { as: await api('eve'), path: null, serviceWorkers: 'block' });
        let deaf = false;
        const swallowed = [];
        await eve.page.routeWebSocket('**/ws', socket => {
            const behind = socket.connectToServer();
            behind.onMessage(text => {
                if (!deaf || !/"type":"ack"/.test(text)) return socket.send(text);
                swallowed.push(text);
                deaf = false;
                behind.close();
                socket.close({ code: 4008 });
            });
        });
        await eve.page.goto('/');
        await has(eve.page, 'quick 50.');
        for (const text of three) {
            deaf = true;
            await write(eve.page, text);
            await receipt(eve.page, text, ARRIVED).waitFor();
        }
        is(swallowed.length, 3, 'three acknowledgements did not arrive');
        is(await stored(bob, /^unanswered/), three, 'sent again, each is there once');
        is(await shown(eve.page, /^unanswered/), three, '... and so it stands on the page');
        await eve.context.close();
    });

    await story('without the server the page opens with what it knows', async () => {
        const eva = await person('eva', { as: await api('eva'), path: null, serviceWorkers: 'block' });
        eva.forgive(/ERR_FAILED/);
        let away = false;
        await eva.context.route('**/api/**', route => (away ? route.abort() : route.continue()));
        await eva.context.routeWebSocket('**/ws', socket => (away ? socket.close() : socket.connectToServer()));
        await eva.page.goto('/');
        await has(eva.page, 'unanswered 3.');
        const before = await shown(eva.page, /./);
        await write(eva.page, 'known here');
        await receipt(eva.page, 'known here', ARRIVED).waitFor();
        await remembered(eva.page, 'known here');
        away = true;
        await eva.page.reload();
        await has(eva.page, 'known here');
        ok((await shown(eva.page, /./)).length >= Math.min(before.length, 50), 'the last messages are there');
        ok(await eva.page.getByRole('navigation', { name: 'Rooms' }).getByRole('button', { name: 'general' }).isVisible(), '... and the rooms');
        await lost(eva.page).waitFor();
        await write(eva.page, 'written at home');
        await receipt(eva.page, 'written at home', WAITS).waitFor();
        ok(true, 'one can evan write');
        away = false;
        await eva.page.reload();
        await receipt(eva.page, 'written at home', ARRIVED).waitFor();
        is(await stored(bob, /^written at home/), ['written at home'], '... and it is sent when the server is there again');
        await eva.context.close();
    });

    await story('the machine is online again', async () => {
        await ada.context.setOffline(true);
        await lost(page).waitFor();
        await bob.say('said while you were away');
        await waitsLong(page);
        await ada.context.setOffline(false);
        await isBack(page, 2);
        await has(page, 'said while you were away');
        ok(true, 'it tries at once, however long it would have waited, and nothing is missing');
    });

    await story('somebody looks at the tab again', async () => {
        const look = hidden => page.evaluate(is => {
            Object.defineProperty(document, 'hidden', { value: is, configurable: true });
            Object.defineProperty(document, 'visibilityState', { value: is ? 'hidden' : 'visible', configurable: true });
            document.dispatchEvent(new Event('visibilitychange'));
        }, hidden);
        await kill();
        await lost(page).waitFor();
        await waitsLong(page);
        await look(true);
        await server.start();
        await bob.say('said while you looked elsewhere');
        ok(await announced(page) > 2, 'a hidden tab waits for its time');
        await look(false);
        await isBack(page, 2);
        await has(page, 'said while you looked elsewhere');
        ok(true, 'a visible one tries at once');
    });

    await story('the waits grow, and are random', async () => {
        const fox = await person('fox', { as: await api('fox'), path: null, serviceWorkers: 'block' });
        fox.forgiveAbsence();
        await fox.page.clock.install();
        await fox.page.goto('/');
        await has(fox.page, 'quick 50.');
        await kill();
        const waits = [];
        let before = 0;
        for (let i = 0; i < 14; i++) {
            await until('a next try is announced', async () => {
                await fox.page.clock.runFor(100);
                return (before = await announced(fox.page));
            });
            waits.push(before);
            await fox.page.clock.fastForward(before * 1000);
        }
        const late = waits.slice(-6);
        ok(waits[0] <= 8, `the first tries come soon: ${waits}`);
        ok(Math.min(...late) >= 10, 'they become rare');
        ok(Math.max(...waits) <= 45, '... but not rarer than every 45 s');
        ok(new Set(late).size > 2, '... and are random, so that not all pages come at once');
        await server.start();
        await waitOut(fox.page);
        await fox.context.close();
    });

    await story('a server that is silent', async () => {
        const gus = await person('gus', { as: await api('gus'), path: null, serviceWorkers: 'block' });
        gus.forgiveAbsence();
        await gus.page.clock.install();
        await gus.page.goto('/');
        await has(gus.page, 'quick 50.');
        server.child.kill('SIGSTOP');
        try {
            await write(gus.page, 'into the silence');
            await gus.page.clock.fastForward(15000);
            ok(await lost(gus.page).isHidden(), 'a quiet quarter of a minute means nothing');
            for (const seconds of [12, 2, 9, 2]) {
                await gus.page.clock.fastForward(seconds * 1000);
                await gus.page.clock.runFor(300);
            }
            await lost(gus.page).waitFor();
            ok(true, 'the page asks, gets no answer, and says so');
        } finally {
            server.child.kill('SIGCONT');
        }
        await bob.say('said after the silence');
        await waitOut(gus.page);
        await has(gus.page, 'said after the silence');
        await receipt(gus.page, 'into the silence', ARRIVED).waitFor();
        ok(await lost(gus.page).isHidden(), 'it comes back by itself');
        is((await stored(bob, /silence$/)).sort(), ['into the silence', 'said after the silence'], 'and nothing is lost or doubled');
        await gus.context.close();
    });

    await story('logged out from elsewhere', async () => {
        ada.forgive(/401/);
        const name = page.getByRole('textbox', { name: 'Your name' });
        await page.reload();
        await has(page, 'quick 50.');
        await kill();
        await write(page, 'only ada says this');
        await receipt(page, 'only ada says this', WAITS).waitFor();
        await waitsLong(page); // so that it is not said before the log-out
        await server.start();
        await adaApi.post('/api/logout?everywhere=1');
        await tryNow(page).click();
        await name.waitFor();
        ok(await field(page).isHidden() && !await row(page, 'quick').count(), 'the page is at the entrance and shows nothing');
        await name.fill('mallory');
        await page.getByRole('button', { name: 'Join' }).click();
        await has(page, 'quick 50.');
        await write(page, 'hello from mallory');
        await receipt(page, 'hello from mallory', ARRIVED).waitFor();
        is(await stored(bob, /^only ada/), [], 'who enters after that does not say what another wrote');
        const { messages } = await bob.get('/api/rooms/1/messages?limit=1');
        is(messages[0].username, 'mallory', '... but speaks with the own name');
    });
});
