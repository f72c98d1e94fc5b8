#!/usr/bin/env node
/* The conversation: history and scrolling, days and times, what is new, what has been seen, changing and deleting. */
'use strict';

const { play, story, ok, is, like, until } = require('./web/harness.js');

const MOST = 300; // messages in the document
const STILL = 2; // px that something may move and still stands where it was
const NOTHING_MS = 800; // so long nothing happens: more than three times what the page waits before something was read
const LONG = 700; // messages
const DAY = 86400000;

const log = page => page.getByRole('log');
const rows = page => log(page).getByRole('article');
const row = (page, text) => rows(page).filter({ hasText: text });
const composer = page => page.getByRole('main').getByRole('textbox', { name: 'Message' });
const editor = page => log(page).getByRole('textbox', { name: 'Edit' });
const heading = page => page.getByRole('main').getByRole('heading', { level: 1 });
const room = (page, name) => page.getByRole('navigation', { name: /^(?:Rooms|Räume)$/ }).getByRole('button', { name });
const down = page => page.getByRole('button', { name: /^To the newest message|^\d+ new messages?$/ });
const line = page => log(page).getByRole('separator').filter({ hasText: 'New messages' });
const receipt = (page, text) => row(page, text).getByRole('button', { name: /^(?:Delivered|Seen by .*)$/ });
const hasFocus = locator => locator.evaluate(node => node === document.activeElement);
const numbered = (word, n) => Array.from({ length: n }, (_, i) => `${word} ${i + 1}.`);
const plain = text => text.replace(/\s+/g, ' ').trim();

/* what stands in the log, from top to bottom: '-- Today' for a line, the text of a message */
const shown = page => log(page).locator('[role=separator], article').evaluateAll(nodes => nodes.map(node =>
    (node.matches('article') ? node.querySelector('.text').innerText : `-- ${node.innerText}`).trim()));

/* more than half of it is in the log's view */
const inView = locator => locator.evaluate(node => {
    const view = node.closest('[role=log]').getBoundingClientRect();
    const { top, bottom, height } = node.getBoundingClientRect();
    return Math.min(bottom, view.bottom) - Math.max(top, view.top) > height / 2;
});
const comesIntoView = (locator, what) => until(what, () => inView(locator));

async function go(page, name) {
    await room(page, name).click();
    await until(`the room ${name} is open`, async () => (await heading(page).textContent()) === name);
}

/* until all in the room is read */
const isRead = (page, name) => until(`nothing is unread in ${name}`, async () => !/unread/.test(await room(page, new RegExp(`^${name}`)).textContent()));

async function write(page, text) {
    await composer(page).fill(text);
    await composer(page).press('Enter');
    await receipt(page, text.split('\n')[0]).waitFor();
}

/* as with a wheel, over the log */
async function wheel(page, by) {
    const { x, y, width, height } = await log(page).boundingBox();
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.mouse.wheel(0, by);
}

/* -- history -- */

/* goes up in the page until the first message of all is there; returns what was seen: how far a message in view has
 * moved at most by itself, how often older ones came, the most nodes, and whether the numbers ever had a gap */
async function climb([still, most]) {
    const box = document.querySelector('[role=log]');
    const articles = () => [...box.querySelectorAll('article')];
    const number = node => Number(/message (\d+)\./.exec(node.textContent)[1]);
    const frame = () => new Promise(requestAnimationFrame);
    const seen = { drift: 0, older: 0, most: 0, gaps: 0 };
    const deadline = performance.now() + 20000;
    const look = () => {
        const all = articles();
        seen.most = Math.max(seen.most, all.length);
        seen.gaps += all.some((node, i) => i > 0 && number(node) !== number(all[i - 1]) + 1);
        return number(all[0]);
    };
    while (performance.now() < deadline) {
        const first = look();
        if (first === 1 && box.scrollTop === 0) break;
        box.scrollTop -= 400;
        const { top, height } = box.getBoundingClientRect();
        const anchor = articles().find(node => node.getBoundingClientRect().bottom > top + height / 3);
        const y = anchor.getBoundingClientRect().top;
        for (let i = 0; i < 3 || (box.scrollTop === 0 && look() !== 1 && performance.now() < deadline); i++) {
            await frame();
            seen.drift = Math.max(seen.drift, Math.abs(anchor.getBoundingClientRect().top - y));
        }
        if (look() < first) ++seen.older;
    }
    return { ...seen, still: seen.drift <= still, few: seen.most <= most, first: look(), top: box.scrollTop };
}

async function history({ bob, house, visitor }) {
    const archive = await bob.makeRoom({ name: 'archive' });
    await house.seed(archive.id, LONG, { text: i => `message ${i}.` });
    const { page } = await visitor('reader', await house.api('reader'));
    let held = null; // while older pages are kept back: those that wait
    await page.route('**/api/rooms/*/messages?*', async route => {
        if (held) await new Promise(resolve => held.push(resolve));
        await route.continue();
    });

    await story('who joins a room sees what was said', async () => {
        await page.getByRole('button', { name: 'Rooms: join or make one' }).click();
        await page.getByRole('dialog').getByRole('listitem').filter({ hasText: 'archive' }).getByRole('button').click();
        await row(page, `message ${LONG}.`).waitFor();
        await comesIntoView(row(page, `message ${LONG}.`), 'the newest message is in view');
        ok(await rows(page).count() >= 20, 'and more before it');
        ok(await down(page).isHidden(), 'at the end there is no button to go there');
    });

    const top = () => log(page).evaluate(box => box.scrollTop);
    const y = () => page.evaluate(() => window.read.getBoundingClientRect().top);

    /* goes up until older ones are asked for, and further if `far`; they come when the scrolling is over */
    async function meanwhile(far) {
        held = [];
        await until('older ones are asked for', async () => {
            await wheel(page, -500);
            return held.length > 0 && (!far || await top() === 0);
        });
        await until('the scrolling ends', async () => await top() === (await page.waitForTimeout(100), await top()));
        await page.evaluate(() => {
            const { top, left, height, width } = document.querySelector('[role=log]').getBoundingClientRect();
            window.read = document.elementFromPoint(left + width / 2, top + height / 2).closest('article');
        });
        const [before, count] = [await y(), await rows(page).count()];
        for (const release of held.splice(0)) release();
        held = null;
        await until('they are there', async () => await rows(page).count() > count);
        return `${Math.abs(await y() - before)} px`;
    }

    await story('older messages come above, and what one reads stays where it is', async () => {
        like(await meanwhile(false), /^[0-2](?:\.\d+)? px$/, 'while there are more above the view');
        like(await meanwhile(true), /^[0-2](?:\.\d+)? px$/, 'at the very top, too');
    });

    await story('up to the first message of all, and down again', async () => {
        await page.evaluate(() => {
            window.most = 0;
            const list = document.querySelector('[role=log]');
            new MutationObserver(() => { window.most = Math.max(window.most, list.querySelectorAll('article').length); })
                .observe(list, { childList: true, subtree: true });
        });
        const up = await page.evaluate(climb, [STILL, MOST]);
        is([up.first, up.top], [1, 0], 'the first message is reached');
        ok(up.older >= 8, `older ones came ${up.older} times`);
        ok(up.still, `what was in view never moved by itself: ${up.drift} px`);
        is(up.gaps, 0, 'no message is missing, doubled or in the wrong place');
        ok(up.few && await page.evaluate(() => window.most) <= MOST, `never more than ${MOST} messages in the document: ${up.most}`);
        await log(page).focus();
        await until('the newest is reached', async () => {
            await page.keyboard.press('End');
            return await row(page, `message ${LONG}.`).count() && inView(row(page, `message ${LONG}.`));
        });
        ok(await page.evaluate(() => window.most) <= MOST, '... nor on the way down');
        await down(page).waitFor({ state: 'hidden' });
        ok(true, 'and there the button is gone');
    });
    await page.context().close();
}

/* -- days and times -- */

/* what is said in the room "diary", and when */
const diary = [
    ['bob', 'last year', '2025-12-29T10:00:00Z'],
    ['bob', 'last week', '2026-03-06T09:00:00Z'],
    ['bob', 'before midnight', '2026-03-09T23:58:00Z'],
    ['bob', 'after midnight', '2026-03-10T00:01:00Z'],
    ['bob', 'soon after', '2026-03-10T00:05:59Z'],
    ['bob', 'too late', '2026-03-10T00:11:00Z'],
    ['cleo', 'another one', '2026-03-10T00:11:10Z'],
    ['bob', 'again', '2026-03-10T00:11:20Z'],
];
const later = ['a new day', '2026-03-11T00:00:20Z'];

/* somebody whose clock says `now`, and who hears that the diary was written when it says */
async function timeTraveller(visitor, as, now, options) {
    const who = await visitor(as.name, as, { path: null, ...options });
    const times = new Map([...diary.map(([, ...entry]) => entry), later]);
    const shift = message => Object.assign(message, times.has(message.text) && { timestamp: Date.parse(times.get(message.text)) });
    await who.page.routeWebSocket('**/ws', socket => {
        socket.connectToServer().onMessage(text => {
            const frame = JSON.parse(text);
            if (frame.type === 'presence') return; // what is drawn anew at midnight is not by chance
            for (const message of frame.messages ?? [frame.message].filter(Boolean)) shift(message);
            socket.send(JSON.stringify(frame));
        });
    });
    await who.page.clock.install({ time: new Date(now) });
    await who.page.goto('/');
    await go(who.page, 'diary');
    await row(who.page, 'again').waitFor();
    return who.page;
}

/* [text, author or '' where it stands below another of the same, time] of each message */
const entries = page => rows(page).evaluateAll(nodes => nodes.map(node => [node.querySelector('.text').innerText.trim(),
    node.querySelector('.author')?.textContent ?? '', node.querySelector('time').textContent.replace(/\s+/g, ' ')]));

async function days({ bob, cleo, house, visitor }) {
    const { id } = await bob.makeRoom({ name: 'diary' });
    const people = { bob, cleo, ann: await house.api('ann'), taro: await house.api('taro'), joe: await house.api('joe') };
    for (const each of ['cleo', 'ann', 'taro', 'joe']) await people[each].join(id);
    for (const [author, text] of diary) await people[author].say(text, id);
    const ann = await timeTraveller(visitor, people.ann, '2026-03-10T12:00:00Z');

    await story('each day has a line', async () => {
        is((await shown(ann)).filter(text => text !== '-- New messages'), ['-- Monday, December 29, 2025', 'last year', '-- Friday, March 6', 'last week',
            '-- Yesterday', 'before midnight', '-- Today', 'after midnight', 'soon after', 'too late', 'another one', 'again'],
        'today, yesterday, a date, and the year where it is another');
    });

    await story('messages of one author within five minutes stand together', async () => {
        is((await entries(ann)).slice(2), [['before midnight', 'bob', '11:58 PM'], ['after midnight', 'bob', '12:01 AM'], ['soon after', '', '12:05'],
            ['too late', 'bob', '12:11 AM'], ['another one', 'cleo', '12:11 AM'], ['again', 'bob', '12:11 AM']],
        'another day, a longer pause or another author begins anew');
        await row(ann, 'soon after').hover();
        await until('the time of one that stands below comes when one points at it', () =>
            row(ann, 'soon after').locator('time').evaluate(node => getComputedStyle(node.parentNode).opacity === '1'));
    });

    await story('at midnight today becomes yesterday', async () => {
        await isRead(ann, 'diary'); // which would draw it anew, too
        await ann.evaluate(() => { window.same = true; });
        await ann.clock.fastForward('12:00:10');
        await log(ann).getByText('Monday, March 9').waitFor();
        is((await shown(ann)).filter(text => /^-- (?!New)/.test(text)).slice(-2), ['-- Monday, March 9', '-- Yesterday'], 'the lines say so');
        await bob.say(later[0], id);
        await row(ann, later[0]).waitFor();
        is((await shown(ann)).filter(text => text !== '-- New messages').slice(-3), ['again', '-- Today', later[0]], 'what is said now is under today');
        ok(await ann.evaluate(() => window.same), 'without a reload');
        await ann.context().close();
    });

    await story('elsewhere it is another time, and said in another way', async () => {
        const taro = await timeTraveller(visitor, people.taro, '2026-03-10T12:00:00Z', { locale: 'de-DE', timezone: 'Asia/Tokyo' });
        const lines = (await shown(taro)).filter(text => /^-- (?!Neue)/.test(text));
        is(lines.slice(0, 3), ['-- Montag, 29. Dezember 2025', '-- Freitag, 6. März', '-- Heute'], 'in Tokyo it is the same day already');
        is((await entries(taro))[2], ['before midnight', 'bob', '08:58'], '... in the morning, by a clock of 24 hours');
        is((await entries(taro))[0][2], '19:00', '... and the evening is said so');
        await taro.context().close();
        const joe = await timeTraveller(visitor, people.joe, '2026-03-10T12:00:00Z', { timezone: 'America/New_York' });
        is((await shown(joe)).filter(text => /^-- (?!New)/.test(text)).at(-2), '-- Yesterday', 'in New York it was yesterday');
        is((await entries(joe))[3], ['after midnight', '', '8:01'], '... in the evening, together with what was said before');
        is((await entries(joe))[5].slice(1), ['bob', '8:11 PM'], '... by a clock of 12 hours');
        await joe.context().close();
    });

    await story('the server\'s time and the reader\'s clock', async () => {
        const { timestamp } = await bob.say('said on that day', id);
        const { page } = await visitor('ann', people.ann, { path: `/#${id}` });
        for (const [after, want] of [[0, 'Today'], [1, 'Yesterday'], [400, String(new Date(timestamp).getUTCFullYear())]]) {
            await page.clock.setFixedTime(new Date(timestamp + after * DAY));
            await page.reload();
            await row(page, 'said on that day').waitFor();
            like((await shown(page)).filter(text => /^-- (?!New)/.test(text)).at(-1), new RegExp(`${want}$`), `${after} days after: ${want}`);
        }
        await page.context().close();
    });
}

/* -- what is new -- */

async function news({ ada, adaApi, bob, kitchen, house }) {
    const badge = n => room(ada, new RegExp(`^kitchen.*\\b${n} unread messages?$`));

    await story('the list of rooms counts what is new elsewhere', async () => {
        await go(ada, 'general');
        const { id } = await bob.say('one', kitchen);
        await badge(1).waitFor();
        await bob.say('two', kitchen);
        await badge(2).waitFor();
        await adaApi.say('mine', kitchen);
        await bob.delete(id);
        await badge(1).waitFor();
        ok(true, 'live: one more with each message, one less with a deleted one; own ones do not count');
        is(await heading(ada).textContent(), 'general', '... and the reader stays where they are');
    });

    await story('a line stands where one left off', async () => {
        is(await line(ada).count(), 0, 'none where nothing is new');
        await go(ada, 'kitchen');
        await row(ada, 'mine').waitFor();
        is((await shown(ada)).slice(-4), ['This message was deleted', '-- New messages', 'two', 'mine'], 'before the first that is new');
        await isRead(ada, 'kitchen');
        await go(ada, 'general');
        await adaApi.say('said by myself', kitchen);
        await go(ada, 'kitchen');
        await row(ada, 'said by myself').waitFor();
        is(await line(ada).count(), 0, 'not before one\'s own messages');
        await go(ada, 'general');
        await adaApi.say('mine again', kitchen);
        await bob.say('yours', kitchen);
        await badge(1).waitFor();
        await go(ada, 'kitchen');
        is((await shown(ada)).slice(-3), ['mine again', '-- New messages', 'yours'], '... but after them');
        await isRead(ada, 'kitchen');
    });

    await story('very much is new', async () => {
        await go(ada, 'general');
        await bob.sow(kitchen, numbered('news', 350));
        await badge(350).waitFor();
        await go(ada, 'kitchen');
        await line(ada).waitFor();
        await comesIntoView(line(ada), 'the line is in view');
        const all = await shown(ada);
        is(all.slice(all.indexOf('-- New messages') - 1).slice(0, 3), ['yours', '-- New messages', 'news 1.'], '... before the first of 350');
        ok(await inView(row(ada, 'news 1.')) && !await row(ada, 'news 350.').count(), 'one reads from there on');
        await until('what was on the screen is read, and no more', async () => !await badge(350).count());
        const left = Number(/(\d+) unread/.exec(await room(ada, /^kitchen/).textContent())?.[1]);
        ok(left > 300 && left < 350, `${left} are left`);
        await down(ada).click();
        await row(ada, 'news 350.').waitFor();
        await comesIntoView(row(ada, 'news 350.'), 'the button leads to the newest');
        await isRead(ada, 'kitchen');
        ok(await rows(ada).count() <= MOST, `with no more than ${MOST} messages in the document`);
    });

    await story('the way down, while one reads further up', async () => {
        ok(await down(ada).isHidden(), 'at the end there is no button');
        await until('the end is far', async () => { await wheel(ada, -500); return !await inView(row(ada, 'news 340.')); });
        await down(ada).waitFor();
        is(await down(ada).textContent(), '', 'further up there is one');
        const y = () => row(ada, 'news 330.').evaluate(node => node.getBoundingClientRect().top);
        await until('the scrolling ends', async () => await y() === (await ada.waitForTimeout(100), await y()));
        const before = await y();
        await bob.say('came in below', kitchen);
        await ada.getByRole('button', { name: '1 new message', exact: true }).waitFor();
        await adaApi.say('from my other window', kitchen);
        await bob.say('and another', kitchen);
        await ada.getByRole('button', { name: '2 new messages', exact: true }).waitFor();
        is(await down(ada).textContent(), '2', 'it counts what came');
        await badge(2).waitFor();
        ok(Math.abs(await y() - before) <= STILL, 'nothing moves by that');
        await down(ada).click();
        await comesIntoView(row(ada, 'and another'), 'a click leads to the end');
        await isRead(ada, 'kitchen');
        await down(ada).waitFor({ state: 'hidden' });
        await bob.say('and one more', kitchen);
        await comesIntoView(row(ada, 'and one more'), 'from there on one follows');
        ok(house.browser.isConnected() && await down(ada).isHidden(), 'and needs no button');
    });
}

/* -- what has been seen -- */

/* the tab has the focus or not, is in front or behind another one */
const turn = (page, { focus = true, hidden = false }) => page.evaluate(([focus, hidden]) => {
    document.hasFocus = () => focus;
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => (hidden ? 'hidden' : 'visible') });
    document.dispatchEvent(new Event('visibilitychange'));
    if (focus) window.dispatchEvent(new Event('focus'));
}, [focus, hidden]);

async function seeing({ ada, adaApi, bob, bobPage, cleo, den }) {
    const newest = async () => (await cleo.get(`/api/rooms/${den}/messages?limit=1`)).messages[0].id;
    const staysDelivered = async (text, what) => {
        await ada.waitForTimeout(NOTHING_MS);
        is(await receipt(ada, text).textContent(), '○', what);
    };
    const becomesSeen = async (text, what) => {
        await until(what, async () => (await receipt(ada, text).textContent()) === '●');
        ok(true, what);
    };

    await story('seen is what was on somebody\'s screen', async () => {
        await go(ada, 'den');
        await go(bobPage, 'general');
        await write(ada, 'are you there?');
        await room(bobPage, /^den.*1 unread message$/).waitFor();
        await staysDelivered('are you there?', 'who looks at another room has not seen it');
        adaApi.read(den, await newest());
        await staysDelivered('are you there?', 'nor does it count that the author has, in another window');
        await go(bobPage, 'den');
        await becomesSeen('are you there?', 'who opens the room has');
        await receipt(ada, 'are you there?').hover();
        const tip = () => receipt(ada, 'are you there?').evaluate(node => {
            const { content, visibility, opacity } = getComputedStyle(node, '::after');
            return [content, visibility, opacity].join();
        });
        await until('pointing at the sign tells who', async () => (await tip()) === '"Seen by bob",visible,1');
        is(await receipt(ada, 'are you there?').getAttribute('aria-label'), 'Seen by bob', '... as it is read to who cannot see');
    });

    await story('a tab without focus, or behind another one', async () => {
        await turn(bobPage, { focus: false });
        await write(ada, 'in the corner of the eye');
        await row(bobPage, 'in the corner of the eye').waitFor();
        await staysDelivered('in the corner of the eye', 'without focus: not seen');
        await turn(bobPage, {});
        await becomesSeen('in the corner of the eye', 'with focus: seen');
        await turn(bobPage, { hidden: true });
        await write(ada, 'behind the curtain');
        await row(bobPage, 'behind the curtain').waitFor();
        await staysDelivered('behind the curtain', 'behind another tab: not seen');
        is((await shown(bobPage)).slice(-2), ['-- New messages', 'behind the curtain'], '... and a line shows where one looked away');
        await turn(bobPage, {});
        await becomesSeen('behind the curtain', 'in front again: seen');
    });

    await story('what is below the view', async () => {
        await bob.sow(den, numbered('filler', 40));
        await comesIntoView(row(bobPage, 'filler 40.'), 'bob follows');
        await until('bob goes up', async () => { await wheel(bobPage, -300); return !await inView(row(bobPage, 'filler 39.')); });
        const tall = numbered('tall', 12).join('\n');
        await write(ada, tall);
        await bobPage.getByRole('button', { name: '1 new message', exact: true }).waitFor();
        await staysDelivered('tall 1.', 'is not seen');
        const reveal = share => row(bobPage, 'tall 1.').evaluate((node, share) => {
            const box = node.closest('[role=log]');
            const { top, height } = node.getBoundingClientRect();
            box.scrollTop += top + height * share - box.getBoundingClientRect().bottom;
        }, share);
        await reveal(0.3);
        await staysDelivered('tall 1.', 'nor is that of which a third is in view');
        await reveal(0.7);
        await becomesSeen('tall 1.', 'more than half of it: it is');
    });

    await story('several have seen it', async () => {
        await write(ada, 'for both of you');
        await down(bobPage).click();
        await becomesSeen('for both of you', 'first one');
        cleo.read(den, await newest());
        const name = /^Seen by (?:bob and cleo|cleo and bob)$/;
        await until('both are named', async () => name.test(await receipt(ada, 'for both of you').getAttribute('aria-label')));
        like(await receipt(ada, 'tall 1.').getAttribute('aria-label'), name, 'what was said before is seen with it');
        await ada.reload();
        await until('also after a reload', async () => name.test(await receipt(ada, 'for both of you').getAttribute('aria-label')));
    });
}

/* -- deleting and changing -- */

async function tool(page, text, name) {
    await row(page, text).hover();
    await row(page, text).getByRole('button', { name, exact: true }).click();
}

async function deleting({ ada, bobPage }) {
    await story('a message is deleted for everybody', async () => {
        await write(ada, 'I should not say this');
        await row(bobPage, 'I should not say this').hover();
        is(await row(bobPage, 'I should not say this').getByRole('button', { name: /Delete|Edit/ }).count(), 0, 'others cannot');
        await tool(ada, 'I should not say this', 'Delete');
        const box = ada.getByRole('dialog', { name: 'Delete this message?' });
        like(await box.textContent(), /I should not say this/, 'one is asked first, and sees which');
        await box.getByRole('button', { name: 'Cancel' }).click();
        await box.waitFor({ state: 'detached' });
        await tool(ada, 'I should not say this', 'Delete');
        await ada.keyboard.press('Escape');
        await box.waitFor({ state: 'detached' });
        ok(await row(bobPage, 'I should not say this').isVisible() && await row(ada, 'I should not say this').isVisible(), 'who says no keeps it');
        await tool(ada, 'I should not say this', 'Delete');
        await box.getByRole('button', { name: 'Delete' }).click();
        for (const [page, who] of [[ada, 'the author'], [bobPage, 'the others']]) {
            await until(`${who} see that it was deleted`, async () => (await shown(page)).at(-1) === 'This message was deleted');
            is(await page.getByText('I should not say this').count(), 0, `${who} cannot read it any more`);
        }
        await row(ada, 'This message was deleted').last().hover();
        is(await row(ada, 'This message was deleted').last().getByRole('button', { name: /Delete|Edit/ }).count(), 0, 'and there is nothing more to be done with it');
        await bobPage.reload();
        await row(bobPage, 'This message was deleted').last().waitFor();
        is(await bobPage.getByText('I should not say this').count(), 0, 'also after a reload');
    });
}

async function editing({ ada, adaApi, bob, bobPage, den }) {
    const text = page => row(page, /^.*brown f[ao]x/s).locator('.text');
    const latest = async () => (await bob.get(`/api/rooms/${den}/messages?limit=10`)).messages.find(each => /brown/.test(each.text));

    await story('a message is changed where it stands', async () => {
        await write(ada, 'the quick brown fax');
        await row(bobPage, 'the quick brown fax').waitFor();
        await tool(ada, 'brown fax', 'Edit');
        ok(await hasFocus(editor(ada)), 'one can write at once');
        is(await editor(ada).inputValue(), 'the quick brown fax', '... with the text there was');
        await editor(ada).fill('the quick brown');
        await bob.say('said meanwhile', den);
        await row(ada, 'said meanwhile').waitFor();
        await adaApi.request('PATCH', '/api/me', { display_name: 'Ada' });
        await ada.getByRole('button', { name: /^.?Ada.*Settings$/ }).waitFor();
        is([await editor(ada).inputValue(), await hasFocus(editor(ada))], ['the quick brown', true], 'what comes meanwhile disturbs nothing');
        await editor(ada).press('Escape');
        ok(await editor(ada).isHidden() && await text(ada).isVisible(), 'Escape leaves it as it was');
        is([await text(ada).innerText(), (await latest()).edited], ['the quick brown fax', false], '... and tells nobody');
        ok(await hasFocus(composer(ada)), '... and one can go on writing');

        await tool(ada, 'brown fax', 'Edit');
        await editor(ada).fill('the quick brown fox');
        await editor(ada).press('Shift+Enter');
        await editor(ada).pressSequentially('jumps');
        await editor(ada).press('Enter');
        await until('the server has it', async () => (await latest())?.text === 'the quick brown fox\njumps');
        const time = new Date((await latest()).edited).toLocaleTimeString('en-US', { hour: 'numeric', minute: '2-digit', timeZone: 'UTC' });
        for (const page of [ada, bobPage]) {
            await row(page, 'fox').getByText(/^edited/).waitFor();
            is(plain(await text(page).innerText()), plain(`the quick brown fox jumps edited ${time}`), 'all see the new text, and when it was changed');
            is(await row(page, 'brown fax').count(), 0, '... and the old one nowhere');
        }
        await bobPage.reload();
        await row(bobPage, 'brown fox').getByText(/^edited/).waitFor();
        ok(true, 'also after a reload');
    });

    await story('the key ↑ changes the last one', async () => {
        await bob.say('the last word', den);
        await row(ada, 'the last word').waitFor();
        await composer(ada).fill('half a');
        await composer(ada).press('ArrowUp');
        ok(await editor(ada).isHidden(), 'not while one writes something');
        await composer(ada).fill('');
        await composer(ada).press('ArrowUp');
        is(await editor(ada).inputValue(), 'the quick brown fox\njumps', 'one\'s own last, also when others wrote after it');
        await editor(ada).fill('a brown fox sleeps');
        await log(ada).getByRole('button', { name: 'Save' }).click();
        await until('others see it', async () => /^a brown fox sleeps\s+edited/.test(await text(bobPage).innerText()));
        ok(await editor(ada).isHidden() && await hasFocus(composer(ada)), 'and one is where one began');
        await composer(ada).press('ArrowUp');
        await editor(ada).fill('nonsense');
        await log(ada).getByRole('button', { name: 'Cancel' }).click();
        like(await text(ada).innerText(), /^a brown fox sleeps/, 'a button to leave it, too');
        await composer(ada).press('ArrowUp');
        await editor(ada).fill('   ');
        await editor(ada).press('Enter');
        like(await text(ada).innerText(), /^a brown fox sleeps/, 'no text is no change');
        await composer(ada).press('ArrowUp');
        await editor(ada).press('Escape');
        like((await latest()).text, /^a brown fox sleeps$/, '... nor was anything of that sent');
    });
}

play({ '-seconds': 120 }, async ({ api, house, person }) => {
    const visitor = (name, as, options) => person(name, { as, serviceWorkers: 'block', ...options });
    const [adaApi, bob, cleo] = await Promise.all(['ada', 'bob', 'cleo'].map(each => api(each)));
    await history({ bob, house, visitor });
    await days({ bob, cleo, house, visitor });

    const [kitchen, den] = [await bob.makeRoom({ name: 'kitchen' }), await bob.makeRoom({ name: 'den' })].map(({ id }) => id);
    for (const each of [kitchen, den]) await adaApi.join(each);
    await cleo.join(den);
    await Promise.all([adaApi, bob, cleo].map(each => each.connect()));
    const { page: ada } = await visitor('ada', adaApi);
    await room(ada, 'den').waitFor();
    await news({ ada, adaApi, bob, kitchen, house });
    const { page: bobPage } = await visitor('bob', bob);
    await room(bobPage, 'den').waitFor();
    await seeing({ ada, adaApi, bob, bobPage, cleo, den });
    await deleting({ ada, bobPage });
    await editing({ ada, adaApi, bob, bobPage, den });
});
