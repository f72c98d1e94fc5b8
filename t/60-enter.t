#!/usr/bin/env node
/* Coming in and going out: guests and accounts, what is refused and why, staying logged in, Settings, languages. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { play, story, ok, is, like, until } = require('./web/harness.js');

const PASSWORD = 'a correct horse', OTHER = 'another good horse';

const entrance = page => page.locator('chat-enter');
const name = page => page.getByRole('textbox', { name: 'Your name' });
const password = page => entrance(page).getByLabel('Password');
const press = (page, label) => page.getByRole('button', { name: label, exact: true }).click();
const composer = page => page.getByRole('main').getByRole('textbox', { name: 'Message' });
const me = page => page.getByRole('button', { name: /Settings$/ });
const heading = page => page.getByRole('main').getByRole('heading', { level: 1 });
const message = (page, text) => page.getByRole('log').getByRole('article').filter({ hasText: text });
const hasFocus = locator => locator.evaluate(node => node === document.activeElement);
const isIn = page => heading(page).filter({ hasText: /\S/ }).waitFor();
const isOut = page => name(page).waitFor();

/* waits until the page complains like this, at the entrance or in a dialog */
async function complains(where, want, what) {
    const alert = where.getByRole('alert').filter({ hasText: /\S/ });
    await until(`it complains: ${want}`, async () => (await alert.allTextContents()).join() === want).catch(() => {});
    is((await alert.allTextContents()).join(), want, what);
}

async function settings(page) {
    await me(page).click();
    return page.getByRole('dialog', { name: 'Settings' });
}

async function leave(page, how = 'Log out') {
    await (await settings(page)).getByRole('button', { name: how, exact: true }).click();
    await isOut(page);
}

async function say(page, text) {
    await composer(page).fill(text);
    await composer(page).press('Enter');
    await message(page, text).getByRole('button', { name: /^(?:Delivered|Seen)/ }).waitFor();
}

/* who has an account logs in, from the entrance */
async function logIn(page, who, word = PASSWORD) {
    await name(page).fill(who);
    await press(page, 'Join');
    await password(page).fill(word);
    await press(page, 'Log in');
}

/* ... with another browser; returns its page */
async function elsewhere(visitor, who, word = PASSWORD) {
    const { page } = await visitor(`${who} elsewhere`);
    await logIn(page, who, word);
    return page;
}

/* -- the entrance -- */

async function guests({ api, visitor }) {
    const ada = await visitor('ada', { serviceWorkers: 'allow' });
    ada.forgive(/409|422/);
    const { page } = ada;

    await story('a name that is missing, impossible or taken', async () => {
        await isOut(page);
        ok(await hasFocus(name(page)), 'one can write the name at once');
        ok(await password(page).isHidden(), 'nobody is asked for a password');
        await press(page, 'Join');
        await complains(page, 'Please enter a name.', 'without a name');
        is(await name(page).getAttribute('aria-invalid'), 'true', '... and the field is marked as wrong');
        await name(page).fill('ada & bob');
        await press(page, 'Join');
        await complains(page, 'This name is not possible: letters, digits and . _ - please.', 'a name that cannot be');
        is(await name(page).inputValue(), 'ada & bob', '... stays where it was written');
        ok(await hasFocus(name(page)), '... and can be written anew');
        await api('gus');
        await name(page).fill('gus');
        await press(page, 'Join');
        await complains(page, 'Somebody else has this name now.', 'a name that a guest has');
    });

    await story('just a name', async () => {
        await name(page).fill(' ada ');
        await name(page).press('Enter');
        await isIn(page);
        ok(await entrance(page).isHidden(), 'is enough');
        like(await me(page).textContent(), /ada\s*Guest/, 'the page knows who one is');
        is(await heading(page).textContent(), 'general', 'and one is in a room');
        await say(page, 'hello from a guest');
    });
    return ada;
}

async function accounts({ api, visitor }) {
    await story('a name with an account', async () => {
        await api('grace', PASSWORD);
        const { page } = await visitor('grace');
        await name(page).fill('grace');
        await press(page, 'Join');
        await complains(page, 'This name has an account. Please enter its password.', 'its password is asked for in place');
        ok(await hasFocus(password(page)), '... and can be written at once');
        await press(page, 'Log in');
        await complains(page, 'Please enter the password.', 'no password');
        await password(page).fill('not the horse');
        await password(page).press('Enter');
        await complains(page, 'Name or password is wrong.', 'a wrong one');
        ok(await hasFocus(password(page)), '... can be written anew');
        is(await password(page).getAttribute('aria-invalid'), 'true', '... and is marked as wrong');
        ok(await name(page).getAttribute('aria-invalid') !== 'true', '... which the name is not');
        await name(page).fill('gracie');
        ok(await password(page).isHidden(), 'another name asks for no password');
        await name(page).fill('grace');
        await press(page, 'Join');
        await password(page).fill(PASSWORD);
        await password(page).press('Enter');
        await isIn(page);
        like(await me(page).textContent(), /grace\s*Account/, 'the right one enters');
    });

    await story('making an account', async () => {
        const hal = await visitor('hal');
        hal.forgive(/409|422/);
        const { page } = hal;
        await press(page, 'Make an account');
        await password(page).waitFor();
        await name(page).fill('grace');
        await password(page).fill(PASSWORD);
        await press(page, 'Make the account');
        await complains(page, 'Somebody else has this name now.', 'a name that has an account already');
        await name(page).fill('hal');
        await password(page).fill('2001');
        await press(page, 'Make the account');
        await complains(page, 'This password is too easy: eight characters at least.', 'a weak password');
        is(await name(page).inputValue(), 'hal', '... and the name stays');
        await password(page).fill(PASSWORD);
        await press(page, 'Make the account');
        await isIn(page);
        like(await me(page).textContent(), /hal\s*Account/, 'a good one makes it');
        await leave(page);
        await logIn(page, 'hal');
        await isIn(page);
        ok(true, '... and enters again');
        await hal.context.close();
    });

    await story('too many wrong passwords', async () => {
        const eli = await api('eli', PASSWORD);
        const burglar = await visitor('burglar');
        burglar.forgive(/429/);
        const { page } = burglar;
        await name(page).fill('eli');
        await press(page, 'Join');
        await password(page).fill(PASSWORD);
        for (let i = 0; i < 10; i++) await eli.post('/api/login', { username: 'eli', password: `a wrong horse ${i}` }).catch(() => {});
        await press(page, 'Log in');
        const alert = entrance(page).getByRole('alert');
        const told = async () => /^Too many tries\. Please wait (\d+) seconds\.$/.exec(await alert.textContent());
        const [, seconds] = await until('it says how long to wait', told);
        ok(seconds >= 1 && seconds <= 60, `one is told how long to wait, also with the right one: ${seconds} s`);
        ok(await entrance(page).isVisible(), '... and is not in');
        await burglar.context.close();
    });
}

/* -- staying and going -- */

async function staying({ api, visitor }) {
    const cleo = await api('cleo', PASSWORD);
    const kitchen = await cleo.makeRoom({ name: 'Kitchen' });
    const one = await visitor('cleo', { as: cleo, path: null, serviceWorkers: 'allow' });
    await one.context.addInitScript(() => {
        new MutationObserver(() => { window.sawEntrance ||= !!document.querySelector('chat-enter'); })
            .observe(document, { childList: true, subtree: true });
    });
    const { page } = one;

    await story('a reload', async () => {
        await page.goto('/');
        await isIn(page);
        await page.getByRole('navigation', { name: 'Rooms' }).getByRole('button', { name: 'Kitchen' }).click();
        await until('the room is open', async () => (await heading(page).textContent()) === 'Kitchen');
        is(new URL(page.url()).hash, `#${kitchen.id}`, 'the address has the room');
        await say(page, 'soup is ready');
        await page.reload();
        await message(page, 'soup is ready').waitFor();
        is(await heading(page).textContent(), 'Kitchen', 'one is in the same room again');
        ok(!await page.evaluate(() => window.sawEntrance), '... and the entrance was not there even for a moment');
        const tab = await one.context.newPage();
        await tab.goto('/#1');
        await isIn(tab);
        await until('the room of the address is open', async () => (await heading(tab).textContent()) === 'general');
        ok(true, 'an address with another room leads there');
        await tab.close();
    });

    await story('logging out', async () => {
        const [cookie] = (await one.context.cookies()).filter(each => each.name === '__Host-chatterbox_token');
        ok(cookie.httpOnly && cookie.secure && cookie.sameSite === 'Strict', 'the cookie is out of reach for scripts and others');
        await leave(page);
        ok(await composer(page).isHidden() && !await message(page, '').count(), 'nothing of the rooms is left to see');
        is((await one.context.cookies()).filter(each => each.value === cookie.value), [], 'the cookie is gone');
        is(await kept(page), { memory: 0, rooms: 0, outbox: 0 }, 'nor is anything left on the disk');
        await one.context.addCookies([cookie]);
        await page.reload();
        await isOut(page);
        ok(true, 'and whoever has kept it is not let in');
        await page.reload();
        await isOut(page);
    });

    await story('logging out everywhere', async () => {
        const here = await elsewhere(visitor, 'cleo');
        const there = await elsewhere(visitor, 'cleo');
        await Promise.all([isIn(here), isIn(there)]);
        await leave(here);
        await here.waitForTimeout(500);
        ok(await composer(there).isVisible(), 'who logs out here stays in there');
        await logIn(here, 'cleo');
        await isIn(here);
        await leave(here, 'Log out everywhere');
        const left = Date.now();
        await isOut(there);
        ok(Date.now() - left < 3000, 'the other browser is out at once');
        ok(await composer(there).isHidden(), '... and shows the entrance');
        await there.reload();
        await isOut(there);
        ok(true, '... also after a reload');
    });
}

/* how much the page keeps on this machine: { memory, rooms, outbox } */
function kept(page) {
    return page.evaluate(() => new Promise((resolve, reject) => {
        const open = indexedDB.open('chatterbox');
        open.onerror = () => reject(open.error);
        open.onsuccess = () => {
            const found = {};
            const names = ['memory', 'rooms', 'outbox'];
            const transaction = open.result.transaction(names);
            for (const each of names)
                transaction.objectStore(each).count().onsuccess = ({ target }) => { found[each] = target.result; };
            transaction.oncomplete = () => { open.result.close(); resolve(found); };
        };
    }));
}

/* -- Settings -- */

async function changes({ visitor, ada }) {
    const { page } = ada;
    const bob = await visitor('bob');
    await name(bob.page).fill('bob');
    await press(bob.page, 'Join');
    const author = () => message(bob.page, 'hello from a guest').getByRole('button', { name: /^ada/i });
    const online = bob.page.getByRole('complementary', { name: 'Online' });
    await author().waitFor();

    await story('a guest makes an account', async () => {
        const box = await settings(page);
        await box.getByLabel('Password').fill('short');
        await box.getByRole('button', { name: 'Make an account' }).click();
        await complains(box, 'This password is too easy: eight characters at least.', 'a weak password is refused in place');
        await box.getByLabel('Password').fill(PASSWORD);
        await box.getByRole('button', { name: 'Make an account' }).click();
        await box.waitFor({ state: 'detached' });
        await until('it is an account', async () => /ada\s*Account/.test(await me(page).textContent()));
        await say(page, 'hello from an account');
        await page.reload();
        await message(page, 'hello from an account').waitFor();
        const second = await elsewhere(visitor, 'ada');
        for (const text of ['hello from a guest', 'hello from an account']) {
            await message(second, text).hover();
            ok(await message(second, text).getByRole('button', { name: 'Edit' }).isVisible(), `"${text}" is one's own in another browser, too`);
        }
        await second.context().close();
    });

    await story('a display name', async () => {
        const box = await settings(page);
        is(await box.getByLabel('Shown name').inputValue(), 'ada', 'is the name at first');
        await box.getByLabel('Shown name').fill('Ada Lovelace');
        await box.getByRole('button', { name: 'Save' }).click();
        await box.waitFor({ state: 'detached' });
        await until('others see it above the messages', async () => (await author().textContent()) === 'Ada Lovelace');
        await online.getByRole('button', { name: 'Ada Lovelace' }).waitFor();
        is(await online.getByRole('button', { name: 'ada', exact: true }).count(), 0, '... and who is online, once');
        like(await me(page).textContent(), /^.?Ada Lovelace/, 'oneself, too');
        await bob.page.reload();
        await until('also after a reload', async () => (await author().textContent()) === 'Ada Lovelace');
    });

    await story('another password', async () => {
        const second = await elsewhere(visitor, 'ada');
        await isIn(second);
        const box = await settings(page);
        const change = async (old, fresh) => {
            await box.getByLabel('Password until now').fill(old);
            await box.getByLabel('New password').fill(fresh);
            await box.getByRole('button', { name: 'Change the password' }).click();
        };
        await change('not the horse', OTHER);
        await complains(box, 'Name or password is wrong.', 'who does not know the old one cannot');
        await change(PASSWORD, 'short');
        await complains(box, 'This password is too easy: eight characters at least.', 'nor with a weak one');
        ok(await composer(second).isVisible(), '... and nobody is put out by that');
        await change(PASSWORD, OTHER);
        await box.waitFor({ state: 'detached' });
        await isOut(second);
        ok(await composer(page).isVisible(), 'other browsers are out, this one stays in');
        await say(page, 'still here');
        await logIn(second, 'ada');
        await complains(second, 'Name or password is wrong.', 'the old one is worth nothing');
        await password(second).fill(OTHER);
        await press(second, 'Log in');
        await isIn(second);
        ok(true, 'the new one enters');
    });
}

/* -- languages -- */

/* everything that the page says now: text and labels; those for others are left out */
function said(page) {
    return page.evaluate(() => {
        const found = [];
        const walk = document.createTreeWalker(document.querySelector('chat-app'), NodeFilter.SHOW_ELEMENT);
        for (let node = walk.currentNode; node; node = walk.nextNode()) {
            for (const child of node.childNodes) if (child.nodeType === Node.TEXT_NODE) found.push(child.data.trim());
            for (const attribute of ['aria-label', 'title', 'placeholder', 'data-tip', 'data-empty']) found.push(node.getAttribute(attribute));
        }
        return [...new Set(found.filter(Boolean))];
    });
}

/* a text is something with {names}, or one for each plural form: all of them */
const forms = text => (typeof text === 'string' ? [text] : Object.values(text));
const holes = text => [...new Set(forms(text).flatMap(each => each.match(/\{\w+\}/g) ?? []))].sort();

async function languages({ visitor, texts }) {
    const german = new Set(Object.values(texts.de).flatMap(forms));
    const onlyEnglish = new Set(Object.values(texts.en).flatMap(forms).filter(text => !german.has(text)));
    const foreign = async page => (await said(page)).filter(text => onlyEnglish.has(text) || /^[a-z]+(?:_[a-z]+)+$/.test(text));

    await story('a German browser', async () => {
        const { page } = await visitor('max', { locale: 'de-DE' });
        await page.getByRole('textbox', { name: 'Dein Name' }).waitFor();
        is(await page.locator('html').getAttribute('lang'), 'de', 'the page says that it is German');
        await press(page, 'Eintreten');
        await complains(page, 'Bitte gib einen Namen ein.', 'what is wrong is said in German');
        is(await foreign(page), [], 'nothing is English at the entrance');
        await page.getByRole('textbox', { name: 'Dein Name' }).fill('max');
        await press(page, 'Eintreten');
        await isIn(page);
        const write = page.getByRole('main').getByRole('textbox', { name: 'Nachricht' });
        await write.fill('Guten Tag');
        await write.press('Enter');
        await message(page, 'Guten Tag').getByRole('button', { name: /^(?:Zugestellt|Gesehen)/ }).waitFor();
        await page.getByRole('log').getByText('Heute', { exact: true }).waitFor();
        await page.getByRole('navigation', { name: 'Räume' }).waitFor();
        is(await foreign(page), [], 'nor among the messages');
        await page.getByRole('button', { name: /Einstellungen$/ }).click();
        await page.getByRole('dialog', { name: 'Einstellungen' }).waitFor();
        is((await foreign(page)).filter(text => text !== 'English'), [], 'nor in Settings');
        await page.getByRole('combobox', { name: 'Sprache' }).selectOption('English');
        await page.getByRole('navigation', { name: 'Rooms' }).waitFor();
        await isIn(page);
        is(await page.locator('html').getAttribute('lang'), 'en', 'who likes English better can have it');
        const after = await said(page);
        is(after.filter(text => german.has(text) && !Object.values(texts.en).flatMap(forms).includes(text)), [], '... and sees no German any more');
    });
}

/* the files of the page, of ours, that may have texts: [[name, source] …] */
function sources() {
    const root = path.join(__dirname, '../htdocs');
    return fs.readdirSync(root, { recursive: true })
        .filter(file => /\.(?:js|html)$/.test(file) && !file.startsWith('vendor') && file !== 'js/texts.js')
        .map(file => [file, fs.readFileSync(path.join(root, file), 'utf8')]);
}

/* what stands between the brackets of each call of t(…) */
function calls(source) {
    return [...source.matchAll(/(?<![\w.$])t\(/g)].map(({ index }) => {
        let depth = 1, end = index + 2;
        for (; depth > 0 && end < source.length; end++) depth += { '(': 1, ')': -1 }[source[end]] ?? 0;
        return source.slice(index + 2, end - 1);
    });
}

/* the keys in the first argument of a call: 'a', or c ? 'a' : 'b'; without what is only compared */
function keysOf(call) {
    const first = call.split(/,\s*\{/)[0].replace(/[=!]==\s*'[^']*'/g, '');
    return /[`{]/.test(first) ? [] : [...first.matchAll(/'(\w+)'/g)].map(match => match[1]);
}

async function allTexts({ texts: { en, de } }) {
    await story('the texts are complete', async () => {
        is(Object.keys(de).filter(key => !(key in en)), [], 'each German text has an English one');
        is(Object.keys(en).filter(key => !(key in de)), [], 'each English text has a German one');
        const both = Object.keys(en).filter(key => key in de);
        is(both.filter(key => holes(en[key]).join() !== holes(de[key]).join()), [], 'with the same {names} to be filled in');
        is(both.filter(key => typeof en[key] !== typeof de[key]), [], '... and plural forms in both, or in none');
        is(both.filter(key => [en, de].some(all => !forms(all[key]).every(text => text.trim()))), [], 'none is empty');

        const all = sources();
        const used = all.flatMap(([file, source]) => [
            ...calls(source).flatMap(keysOf),
            ...[...source.matchAll(/data-t(?:-\w+)?="(\w+)"/g)].map(match => match[1]),
        ].map(key => [file, key]));
        ok(used.length > 80, `texts are used in ${used.length} places`);
        is(used.filter(([, key]) => !(key in en)), [], 'each that is used is there');
        const codes = [...fs.readFileSync(path.join(__dirname, '../src/base/error.h'), 'utf8').matchAll(/X\(\w+, "(\w+)"/g)].map(match => match[1]);
        ok(codes.length > 15, `the server knows ${codes.length} ways to refuse`);
        is([...codes, 'offline'].filter(code => !(`error_${code}` in en)), [], '... and the page has a text for each');
        const everything = all.map(([, source]) => source).join('\n');
        const dead = Object.keys(en).filter(key => !key.startsWith('error_') && !new RegExp(`['"\`]${key}['"\`]`).test(everything));
        is(dead, [], 'none is there for nothing');
    });
}

play({ '-seconds': 90 }, async ({ api, person }) => {
    const source = fs.readFileSync(path.join(__dirname, '../htdocs/js/texts.js'));
    const { texts } = await import(`data:text/javascript;base64,${source.toString('base64')}`);
    const visitor = async (who, options) => {
        const someone = await person(who, { serviceWorkers: 'block', ...options });
        someone.forgive(/401/); // the page asks who one is, and the answer is on the console, too
        return someone;
    };
    const all = { api, visitor, texts };
    await allTexts(all);
    const ada = await guests(all);
    await accounts(all);
    await staying(all);
    await changes({ ...all, ada });
    await languages(all);
});
