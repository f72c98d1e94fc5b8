#!/usr/bin/env node
/* Reachable by everybody: by screen reader and keyboard alone, on a phone, much enlarged, in the light and without
 * motion; and light to carry: what the page weighs, and which file may know which. */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { play, story, ok, is, like, until, axe, DESKTOP, PHONE } = require('./web/harness.js');

const htdocs = path.resolve(__dirname, '../htdocs');
const BUDGET = 60000; // bytes of ours, compressed
const LINES = 200;
const ZOOMED = { width: 640, height: 400 }; // what is left of 1280x800 at 200 %

const phone = { viewport: PHONE, isMobile: true, hasTouch: true };
const rooms = page => page.getByRole('navigation', { name: 'Rooms' });
const online = page => page.getByRole('complementary', { name: 'Online' });
const composer = page => page.getByRole('main').getByRole('textbox', { name: 'Message' });
const log = page => page.getByRole('log');
const button = (page, name) => page.getByRole('main').getByRole('button', { name, exact: true });
const messages = (page, text) => log(page).getByRole('article').filter({ hasText: text });
const message = (page, text) => messages(page, text).last();

const hasFocus = locator => locator.evaluate(node => node === document.activeElement);
const focused = (what, locator) => until(what, () => hasFocus(locator));
const settled = page => page.evaluate(() => Promise.all(document.getAnimations().map(each => each.finished.catch(() => {}))));

async function enter(house, name, options = {}) {
    const { page } = await house.person(name, { ...options, as: options.as ?? await house.api(name) });
    await composer(page).waitFor();
    return page;
}

async function say(page, text) {
    await composer(page).fill(text);
    await composer(page).press('Enter');
}

/* -- nothing that axe minds -- */

const forms = [
    { form: 'a desktop', options: { viewport: DESKTOP } },
    { form: 'a phone', options: phone, drawers: true },
];

/* tests that there is no violation, dark and light */
async function axeIsContent(page, place) {
    for (const colorScheme of ['dark', 'light']) {
        await page.emulateMedia({ colorScheme });
        await settled(page);
        is(await axe(page), [], `${place}, ${colorScheme}`);
    }
}

/* messages of all kinds, by ada and by bob */
async function talk(page, bob) {
    const first = await bob.say('Hello, see https://example.org and `code`, **bold** and *soft*\n> a quote\n\n```\nlet x = 1;\n```');
    await bob.edit(first.id, 'Hello again, see https://example.org and `code`, **bold** and *soft*\n> a quote\n\n```\nlet x = 1;\n```');
    const second = await bob.say('this will go');
    await bob.delete(second.id);
    await bob.say('🎉');
    await say(page, 'mine');
    await message(page, 'mine').waitFor();
    await until('it is sent', () => message(page, 'mine').getByRole('button', { name: 'Delivered' }).count());
    await say(page, 'not \u0007 possible'); // the server takes no control characters
    await message(page, 'Not sent').waitFor();
    await message(page, 'This message was deleted').waitFor();
    await message(page, 'edited').waitFor();
}

async function drawer(page, name, needed) {
    if (!needed) return;
    await button(page, name).click();
    await settled(page);
}

async function openRooms(page, needed, name) {
    await drawer(page, 'Rooms', needed);
    await rooms(page).getByRole('button', { name }).click();
}

const places = [
    ['the conversation', async () => {}],
    ['a message with its buttons', async page => { await message(page, 'mine').hover(); await message(page, 'mine').focus(); }],
    ['the rooms', async (page, narrow) => drawer(page, 'Rooms', narrow)],
    ['the people', async (page, narrow) => drawer(page, 'Online', narrow)],
    ['Jump to', async (page, narrow) => openRooms(page, narrow, /^Jump to/)],
    ['the dialog of rooms', async (page, narrow) => openRooms(page, narrow, 'Rooms: join or make one')],
    ['the settings', async (page, narrow) => openRooms(page, narrow, /Settings$/)],
    ['the dialog of a room', async page => button(page, 'About this room').click()],
    ['the shortcuts', async page => { await log(page).focus(); await page.keyboard.press('?'); }],
    ['deleting', async page => {
        await message(page, 'mine').focus();
        await message(page, 'mine').getByRole('button', { name: 'Delete' }).click();
    }],
    ['editing', async page => { await composer(page).press('ArrowUp'); }],
    ['the suggestions', async page => { await composer(page).fill(''); await composer(page).pressSequentially('@bo'); await page.getByRole('option').waitFor(); }],
    ['the emoji', async page => {
        await composer(page).fill('');
        await button(page, 'Emoji').click();
        await page.getByRole('menuitem').first().waitFor();
    }],
];

async function violations({ house, bob }) {
    const { id } = await bob.makeRoom({ name: 'kitchen', topic: 'Who has the milk?' });
    for (const { form, options, drawers } of forms) {
        await story(`axe minds nothing on ${form}`, async () => {
            const person = await house.person('ada', options);
            person.forgive(/401/); // the page asks who one is
            const { page } = person;
            const name = page.getByLabel('Your name');
            await name.waitFor();
            await axeIsContent(page, 'the entrance');
            await page.getByRole('button', { name: 'Make an account' }).click();
            await page.getByRole('button', { name: 'Make the account' }).click();
            await page.getByText('Please enter a name.').waitFor();
            await axeIsContent(page, 'the entrance, with a password and a complaint');

            const ada = await house.api(drawers ? 'ada' : 'ada2');
            await ada.join(id);
            await ada.direct('bob');
            await bob.say('unread', id);
            await person.hold(ada.token);
            await page.reload();
            await composer(page).waitFor();
            await talk(page, bob);
            for (const [place, go] of places) {
                await go(page, drawers);
                await axeIsContent(page, place);
                await until(`${place} is left`, async () => {
                    await page.keyboard.press('Escape');
                    return page.evaluate(() => !document.querySelector('dialog, [data-drawer], .editor, .emoji-box'));
                });
            }
            await person.context.close();
        });
    }
}

/* -- keyboard and screen reader -- */

/* what has the focus, and how that is seen */
const look = page => page.evaluate(() => {
    const node = document.activeElement;
    const form = node.closest('form');
    const style = getComputedStyle(node);
    window.stops ??= [];
    if (!window.stops.includes(node)) window.stops.push(node);
    return {
        inLog: node.closest('[role=log]') !== null,
        stop: node === document.body ? null : window.stops.indexOf(node),
        name: node.getAttribute('aria-label') ?? node.textContent.trim(),
        tag: node.localName,
        outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && !/, 0\)$|transparent/.test(style.outlineColor),
        border: form && getComputedStyle(form).borderColor, // a field in a frame shows it by that
    };
});

/* presses Tab until the focus is back where it began */
async function round(page, most = 150) {
    const first = await look(page);
    const stops = [first];
    for (let i = 0; i < most; i++) {
        await page.keyboard.press('Tab');
        const now = await look(page);
        if (now.stop === first.stop) return stops;
        if (now.stop !== null) stops.push(now);
    }
    throw new Error(`no way back in ${most} steps: ${stops.map(({ name }) => name).join(', ')}`);
}

async function keyboard({ house, page, bob }) {
    await story('Tab leads through everything that is on the screen', async () => {
        const sam = await house.api('sam');
        for (let i = 1; i <= 30; i++) await (i % 2 ? bob : sam).say(`message ${i}`); // each has a name to click
        await say(page, 'one of mine');
        await message(page, 'one of mine').waitFor();
        await composer(page).fill('text');
        await composer(page).focus();
        const stops = await round(page);
        const names = stops.map(({ name }) => name);
        const at = name => names.indexOf(name);
        ok(at('Skip to writing') >= 0, 'the first stop of the page skips to writing');
        const order = ['Skip to writing', 'Rooms: join or make one', 'About this room', 'Messages'];
        is(order.map(at), order.map(at).toSorted((a, b) => a - b), 'first the rooms, then the conversation');
        ok(at('Emoji') < at('Send') && at('Send') < at('Skip to writing'), 'after the field its buttons, then the people, then the beginning again');
        const missed = await page.evaluate(() => [...document.querySelectorAll('a[href], button, input, select, textarea, [tabindex]')]
            .filter(node => node.tabIndex >= 0 && !node.disabled && node.checkVisibility({ visibilityProperty: true }))
            .filter(node => !window.stops.includes(node)).map(node => node.outerHTML.slice(0, 80)));
        is(missed, [], 'nothing that can have the focus is left out');
        is(stops.filter(({ inLog, tag }) => inLog && tag === 'button').map(({ name }) => name), [], 'the buttons of thirty messages are no stops');
        const [field, ...others] = stops;
        is(others.filter(({ outlined }) => !outlined).map(({ name }) => name), [], 'each stop has an outline');
        const unlit = await log(page).focus().then(() => composer(page).evaluate(node => getComputedStyle(node.form).borderColor));
        ok(field.outlined || field.border !== unlit, 'and the frame of the field is marked while it has the focus');
        await composer(page).fill('');
    });

    await story('the first link of the page leads to the field', async () => {
        await page.locator('body').press('Tab');
        for (let i = 0; i < 150 && !await hasFocus(page.getByRole('link', { name: 'Skip to writing' })); i++) await page.keyboard.press('Shift+Tab');
        const skip = page.getByRole('link', { name: 'Skip to writing' });
        ok(await hasFocus(skip), 'it can have the focus');
        const box = await skip.boundingBox();
        ok(box.y >= 0 && box.x >= 0, '... and is seen then');
        await page.keyboard.press('Enter');
        await page.keyboard.press('Tab');
        await page.keyboard.type('x');
        ok(await composer(page).evaluate(node => node.form.contains(document.activeElement)), 'one is where one writes');
        await composer(page).fill('');
        ok(!/composer/.test(page.url()), 'the address still names the room');
    });

    await story('the arrows go through the messages, Tab to their buttons', async () => {
        await bob.say('by bob');
        await message(page, 'by bob').waitFor();
        await say(page, 'by me');
        await message(page, 'by me').getByRole('button', { name: /Delivered|Seen/ }).waitFor({ state: 'attached' });
        await log(page).focus();
        await page.keyboard.press('ArrowUp');
        await focused('the newest message has the focus', message(page, 'by me'));
        await page.keyboard.press('ArrowUp');
        await focused('... the one before', message(page, 'by bob'));
        await page.keyboard.press('ArrowDown');
        await focused('... and down again', message(page, 'by me'));
        ok((await look(page)).outlined, 'it has an outline');
        const names = [];
        for (let i = 0; i < 8; i++) {
            await page.keyboard.press('Tab');
            if (!await message(page, 'by me').evaluate(node => node.contains(document.activeElement))) break;
            const { name, outlined } = await look(page);
            names.push(name);
            ok(outlined, `${name} has an outline`);
        }
        ok(['Edit', 'Delete'].every(name => names.includes(name)), `its buttons follow: ${names.join(', ')}`);
        await focused('and the field is next', composer(page));
    });

    await story('dialogs keep the focus, and give it back', async () => {
        const openers = [
            ['Rooms: join or make one', rooms(page).getByRole('button', { name: 'Rooms: join or make one' })],
            ['Write to somebody', rooms(page).getByRole('button', { name: 'Write to somebody' })],
            ['Settings', rooms(page).getByRole('button', { name: /Settings$/ })],
            ['About this room', button(page, 'About this room')],
            ['Delete', message(page, 'by me').getByRole('button', { name: 'Delete' })],
        ];
        for (const [name, opener] of openers) {
            if (name === 'Delete') await message(page, 'by me').focus();
            await opener.focus();
            await page.keyboard.press('Enter');
            const box = page.getByRole('dialog');
            await box.waitFor();
            await until('it has the focus', () => box.evaluate(node => node.contains(document.activeElement)));
            ok(await box.evaluate(node => node.getAttribute('aria-labelledby') && document.getElementById(node.getAttribute('aria-labelledby')).textContent),
                `${name}: it has a title`);
            const outside = [];
            for (let i = 0; i < 16; i++) {
                await page.keyboard.press(i % 4 === 3 ? 'Shift+Tab' : 'Tab');
                const where = await box.evaluate(node => (node.contains(document.activeElement) || document.activeElement === document.body ? null : document.activeElement.outerHTML));
                if (where) outside.push(where);
            }
            is(outside, [], '... keeps the focus');
            await page.keyboard.press('Escape');
            await box.waitFor({ state: 'detached' });
            await focused('... and gives it back', name === 'Delete' ? message(page, 'by me') : opener);
        }
        await composer(page).focus();
        await page.keyboard.press('Control+k');
        await page.getByRole('combobox').waitFor();
        await page.keyboard.press('Escape');
        await focused('after Ctrl+K one goes on writing', composer(page));
    });

    await story('the emoji picker opens, and Escape leads back', async () => {
        await button(page, 'Emoji').focus();
        await page.keyboard.press('Enter');
        await page.getByRole('menuitem').first().waitFor();
        is(await button(page, 'Emoji').getAttribute('aria-expanded'), 'true', 'the button says so');
        await page.keyboard.press('Escape');
        await focused('the button has the focus again', button(page, 'Emoji'));
        is(await button(page, 'Emoji').getAttribute('aria-expanded'), 'false', '... and says so');
    });

    await story('a screen reader is told', async () => {
        for (const [role, name] of [['navigation', 'Rooms'], ['complementary', 'Online'], ['log', 'Messages']])
            is(await page.getByRole(role, { name }).count(), 1, `${role}: ${name}`);
        is(await page.getByRole('main').count(), 1, 'main');
        is(await page.locator('html').getAttribute('lang'), 'en', 'the language is named');
        await page.evaluate(() => {
            window.heard = [];
            new MutationObserver(changes => changes.forEach(({ target }) => {
                const region = (target.closest ? target : target.parentElement).closest('[aria-live], [role=log], [role=status], [role=alert]');
                if (region && region.getAttribute('aria-live') !== 'off' && region.checkVisibility()) window.heard.push(region.textContent);
            })).observe(document.body, { subtree: true, childList: true, characterData: true });
        });
        await bob.say('are you **there**?');
        await until('an incoming message is read out, with its author', () =>
            page.evaluate(() => window.heard.some(text => /^bob: are you (\*\*)?there(\*\*)?\?$/.test(text))));
        await say(page, 'yes I am');
        await message(page, 'yes I am').getByRole('button', { name: 'Delivered' }).waitFor({ state: 'attached' });
        is(await page.evaluate(() => window.heard.filter(text => /yes I am/.test(text))), [], 'one\'s own are not');
        await page.evaluate(() => { window.heard.length = 0; });
        await log(page).focus();
        await page.keyboard.press('Home');
        await log(page).evaluate(node => new Promise(done => { node.scrollTop = 0; requestAnimationFrame(() => requestAnimationFrame(done)); }));
        is(await page.evaluate(() => window.heard.filter(text => /message \d/.test(text))), [], 'nor are old ones that come in while one scrolls up');
    });
}

/* -- small screens -- */

const WORD = 'Donaudampfschifffahrtsgesellschaft'.repeat(12);
const NAME = 'W'.repeat(64);

/* what is wider than where it stands */
const tooWide = page => page.evaluate(() => {
    const wide = [...document.querySelectorAll('.scroll, .side, .people, .side .lists, .people ul, dialog, .list, .text, chat-header, chat-composer')]
        .filter(node => node.scrollWidth > node.clientWidth).map(node => `${node.localName}.${node.className}: ${node.scrollWidth} > ${node.clientWidth}`);
    const { scrollWidth } = document.scrollingElement;
    if (scrollWidth > innerWidth) wide.push(`the page: ${scrollWidth} > ${innerWidth}`);
    const out = [...document.querySelectorAll('.message, .message header, .message .text > *, chat-header button, chat-composer button')]
        .filter(node => node.checkVisibility() && (node.getBoundingClientRect().right > innerWidth + 0.5 || node.getBoundingClientRect().left < -0.5));
    return [...wide, ...out.map(node => `out of the window: ${node.localName} ${node.textContent.slice(0, 30)}`)];
});

const isInView = async (page, locator) => {
    const box = await locator.boundingBox();
    const { width, height } = page.viewportSize();
    return box !== null && box.x >= -0.5 && box.y >= -0.5 && box.x + box.width <= width + 0.5 && box.y + box.height <= height + 0.5;
};

/* what slides in takes its time */
const inView = (page, locator) => until('it is in view', () => isInView(page, locator), 3).catch(() => false);

async function narrow({ house }) {
    const long = await house.api('long');
    await long.request('PATCH', '/api/me', { display_name: NAME });
    const { id } = await long.makeRoom({ name: 'M'.repeat(64), topic: WORD.slice(0, 250) });
    await long.connect();
    const author = await house.api('phil');
    await author.join(id);
    for (const text of [WORD, `\`${WORD}\``, `\`\`\`\n${WORD} ${WORD}\n\`\`\``, `> ${WORD}`, `https://example.org/${WORD}`, `**${WORD}**`, 'short'])
        await long.say(text, id);
    const page = await enter(house, 'phil', { as: author, ...phone });

    await story('on a phone nothing scrolls sideways', async () => {
        await button(page, 'Rooms').click();
        await rooms(page).getByRole('button', { name: /^M/ }).click();
        await message(page, 'short').waitFor();
        await settled(page);
        await until('the long name is there', () => log(page).getByText(NAME).first().isVisible());
        is(await tooWide(page), [], 'with long words, names, code and topic');
        ok(await inView(page, composer(page)), 'the field is in view');
        ok(await inView(page, button(page, 'Online')) && await inView(page, button(page, 'Rooms')), '... and the buttons of the drawers');
        for (const [name, part] of [['Rooms', rooms(page)], ['Online', online(page)]]) {
            await button(page, name).click();
            await settled(page);
            ok(await inView(page, part), `the drawer ${name} is in view`);
            is(await tooWide(page), [], '... and not too wide');
            await page.keyboard.press('Escape');
            await settled(page);
        }
        await button(page, 'About this room').click();
        await page.getByRole('dialog').getByText(NAME).waitFor();
        is(await tooWide(page), [], 'nor is a dialog');
        ok(await inView(page, page.getByRole('dialog')), '... which is all in view');
        await page.keyboard.press('Escape');
        await composer(page).fill(WORD);
        is(await tooWide(page), [], 'nor the field while one writes');
        await composer(page).fill('');
    });

    await story('drawers open and close', async () => {
        for (const [name, part] of [['Rooms', rooms(page)], ['Online', online(page)]]) {
            const ways = { 'a click beside it': () => page.mouse.click(name === 'Rooms' ? 350 : 10, 400), 'Escape': () => page.keyboard.press('Escape') };
            ok(await part.isHidden(), `${name} is closed at first`);
            for (const [way, close] of Object.entries(ways)) {
                await button(page, name).click();
                await part.waitFor();
                await settled(page);
                await until('the focus is in it', () => part.evaluate(node => node.contains(document.activeElement)));
                await close();
                await until(`${way} closes it`, () => part.isHidden());
                await focused('and the focus is where it was', button(page, name));
            }
        }
        await button(page, 'Rooms').click();
        await rooms(page).getByRole('button', { name: 'general' }).click();
        await until('choosing a room closes it, too', () => rooms(page).isHidden());
        ok(await page.getByRole('heading', { name: 'general', level: 1 }).isVisible(), '... and the room is open');
    });
    await page.context().close();
}

async function enlarged({ house }) {
    await story('at 200 % all can be used', async () => {
        const page = await enter(house, 'max', { viewport: ZOOMED, deviceScaleFactor: 2 });
        await message(page, 'by me').waitFor();
        is(await tooWide(page), [], 'nothing scrolls sideways');
        ok(await inView(page, composer(page)), 'the field is in view');
        ok((await log(page).boundingBox()).height >= 150, 'there is room to read');
        for (const [name, part] of [['Rooms', rooms(page)], ['Online', online(page)]]) {
            await button(page, name).click();
            await settled(page);
            ok(await inView(page, part), `the drawer ${name} is in view`);
            await page.keyboard.press('Escape');
        }
        await button(page, 'Rooms').click();
        await rooms(page).getByRole('button', { name: /Settings$/ }).click();
        const box = page.getByRole('dialog', { name: 'Settings' });
        await box.waitFor();
        ok(await inView(page, box), 'a long dialog is all in view');
        await box.getByRole('button', { name: 'Log out', exact: true }).scrollIntoViewIfNeeded();
        ok(await inView(page, box.getByRole('button', { name: 'Log out', exact: true })), '... and scrolls to its end');
        await page.keyboard.press('Escape');
        await composer(page).fill('many\nlines\n'.repeat(20));
        ok(await inView(page, composer(page)), 'a long text leaves the field in view');
        await composer(page).fill('');
        await page.context().close();
    });
}

/* -- light, and motion -- */

/* 0 is black, 255 is white */
const brightness = page => page.evaluate(() => {
    const [r, g, b] = getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g).map(Number);
    return (r + g + b) / 3;
});

async function chooseTheme(page, value) {
    await rooms(page).getByRole('button', { name: /Settings$/ }).click();
    await page.getByLabel('Colours').selectOption(value);
    await page.keyboard.press('Escape');
}

async function lights({ house, page }) {
    await story('dark, or light where that is liked', async () => {
        const bright = await enter(house, 'lux', { colorScheme: 'light' });
        ok(await brightness(page) < 60, 'dark is the default');
        ok(await brightness(bright) > 220, 'light by preference');
        for (const [who, value, holds] of [[page, 'Light', level => level > 220], [bright, 'Dark', level => level < 60]]) {
            await chooseTheme(who, value);
            ok(holds(await brightness(who)), `${value} by the switch`);
            await who.reload();
            await composer(who).waitFor();
            ok(holds(await brightness(who)), '... and after a reload');
            await chooseTheme(who, 'As the system');
            ok(!holds(await brightness(who)), '... until it is as the system again');
        }
        await bright.context().close();
    });

    await story('motion is short, and gone for whoever does not like it', async () => {
        const durations = (who, unit = 'transitionDuration') => who.evaluate(name => [...document.querySelectorAll('*')]
            .flatMap(node => getComputedStyle(node)[name].split(', ')).map(text => parseFloat(text) * (text.endsWith('ms') ? 1 : 1000)).filter(ms => ms > 0), unit);
        const some = [...await durations(page), ...await durations(page, 'animationDuration')];
        ok(some.length > 0 && Math.max(...some) < 200, 'under 200 ms');
        const calm = await enter(house, 'cal', { reducedMotion: 'reduce', ...phone });
        is([...await durations(calm), ...await durations(calm, 'animationDuration')], [], 'none at all with reduced motion');
        await button(calm, 'Rooms').click();
        ok(await inView(calm, rooms(calm)), '... and the drawers work');
        await calm.context().close();
    });
}

/* -- what the files say -- */

const files = (folder, like) => fs.readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && like.test(entry.name)).map(entry => path.relative(htdocs, path.join(entry.parentPath ?? entry.path, entry.name)))
    .filter(name => !name.startsWith('vendor')).sort();
const read = name => fs.readFileSync(path.join(htdocs, name), 'utf8');
const scripts = () => files(path.join(htdocs, 'js'), /\.js$/);

/* a floor may import from itself and from those below; state and net stand side by side */
const FLOORS = {
    'lib': ['lib'], 'state': ['lib', 'state'], 'net': ['lib', 'net'], 'events': ['lib', 'state', 'net', 'events'],
    'commands': ['lib', 'state', 'net', 'events', 'commands'], 'ui': ['lib', 'state', 'events', 'commands', 'ui'],
};

const floorOf = name => name.split('/').length > 2 ? name.split('/')[1] : 'app';

/* files that a file imports, as paths below htdocs */
function imports(name) {
    const found = [...read(name).matchAll(/^\s*(?:import|export)\b[^;]*?['"]([^'"]+)['"];/gm), ...read(name).matchAll(/\bimport\(['"]([^'"]+)['"]\)/g)];
    return found.map(([, from]) => path.join(path.dirname(name), from));
}

async function onPaper() {
    await story(`what is ours is under ${BUDGET} bytes`, async () => {
        const names = files(htdocs, /\.(?:js|css|html|json|webmanifest|svg)$/);
        ok(names.length > 20, 'the files are found');
        const sum = zlib.gzipSync(names.map(read).join(''), { level: 9 }).length;
        ok(sum < BUDGET, `as one archive they are ${sum} bytes`); // apart, as they travel, a third more: small files compress badly
    });

    await story('files are short, and know only what is below them', async () => {
        const names = scripts();
        ok(names.length > 20 && names.includes('js/app.js'), 'the files are found');
        is(names.filter(name => read(name).split('\n').length > LINES), [], `none has over ${LINES} lines`);
        is(names.filter(name => !read(name).startsWith(`// ${path.basename(name)} -- `)), [], 'each opens by explaining itself');
        ok(imports('js/app.js').includes('js/state/store.js'), 'imports are read');
        is(names.filter(name => !(floorOf(name) in FLOORS) && !['js/app.js', 'js/texts.js'].includes(name)), [], 'all are on a known floor');
        is(names.filter(name => name !== 'js/app.js').flatMap(name => imports(name).filter(other => {
            const below = FLOORS[floorOf(name)] ?? [];
            return !below.includes(floorOf(other));
        }).map(other => `${name} imports ${other}`)), [], 'none imports from above, and what is seen knows no network');
        const bare = name => read(name).replace(/\/\/.*$|\/\*[^]*?\*\//gm, '').replace(/'[^'\n]*'/g, '\'\'');
        is(names.filter(name => ['state', 'net'].includes(floorOf(name)) && /\b(?:document|customElements|HTMLElement|querySelector)\b/.test(bare(name))), [],
            'state and network have no elements');
        is(names.filter(name => floorOf(name) === 'state' && /\b(?:window|fetch|WebSocket|XMLHttpRequest)\b/.test(bare(name))), [], '... and state has no network');
    });

    await story('the page has no code and no looks in its HTML', async () => {
        const html = read('index.html');
        is(html.match(/\s(?:style|on[a-z]+)\s*=|<style|javascript:/gi), null, 'no attributes of that kind');
        is([...html.matchAll(/<script\b([^>]*)>([^]*?)<\/script>/g)].filter(([, attributes, code]) => !/\bsrc=/.test(attributes) || code.trim()), [], 'scripts are files');
        is(html.match(/\b(?:src|href)="(?:https?:)?\/\//g), null, 'nothing from elsewhere');
        is(files(path.join(htdocs, 'css'), /\.css$/).filter(name => /url\(\s*['"]?(?:https?:)?\/\/|@import/.test(read(name))), [], 'nor in the styles');
    });
}

play({ '-seconds': 120 }, async ({ house }) => {
    await onPaper();
    const bob = await (await house.api('bob')).connect();
    await violations({ house, bob });
    const page = await enter(house, 'ann');
    const all = { house, page, bob };
    await keyboard(all);
    await narrow(all);
    await enlarged(all);
    await lights(all);
});
