#!/usr/bin/env node
/* Rooms and people: making, finding, joining and leaving rooms, writing to one person, and the keys that lead there. */
'use strict';

const { play, story, ok, is, like, until } = require('./web/harness.js');

const SEARCH_ABOVE = 20; // with more people than this, they can be searched

const rooms = page => page.getByRole('navigation', { name: 'Rooms' });
const room = (page, name) => rooms(page).getByRole('button', { name });
const heading = page => page.getByRole('main').getByRole('heading', { level: 1 });
const composer = page => page.getByRole('main').getByRole('textbox', { name: 'Message' });
const log = page => page.getByRole('log');
const online = page => page.getByRole('complementary', { name: 'Online' });
const dialog = (page, name) => page.getByRole('dialog', { name });
const texts = locator => locator.evaluateAll(nodes => nodes.map(node => node.textContent));

/* the names of the rooms, from top to bottom */
const roomNames = page => rooms(page).getByRole('listitem').locator('bdi').allTextContents();

/* the list is drawn with the next frame */
const namesAre = async (page, names, what) => {
    await until(what, async () => `${await roomNames(page)}` === `${names}`).catch(() => {});
    is(await roomNames(page), names, what);
};

const hasFocus = locator => locator.evaluate(node => node === document.activeElement);
const isAt = (page, name) => until(`the room ${name} is open`, async () => (await heading(page).textContent()) === name);

let pages = [];

/* a story that begins with no dialog open, whatever became of the one before */
function scene(name, code) {
    return story(name, async () => {
        for (const page of pages) if (await page.getByRole('dialog').count()) await page.keyboard.press('Escape');
        await code();
    });
}

async function browse(page) {
    await rooms(page).getByRole('button', { name: 'Rooms: join or make one' }).click();
    return dialog(page, 'Rooms: join or make one');
}

async function about(page) {
    await page.getByRole('button', { name: 'About this room' }).click();
    return page.getByRole('dialog');
}

async function make(page, { name, topic = '', hidden = false }) {
    const box = await browse(page);
    await box.getByLabel('Name').fill(name);
    await box.getByLabel('Topic').fill(topic);
    if (hidden) await box.getByLabel(/^Private/).check();
    await box.getByRole('button', { name: 'Make the room' }).click();
    return box;
}

async function enter(house, name) {
    const person = await house.person(name, { as: await house.api(name) });
    await composer(person.page).waitFor();
    await online(person.page).getByRole('button', { name }).waitFor();
    return person;
}

async function publicRooms({ ada, bob }) {
    await scene('a public room is made, and is open at once', async () => {
        const box = await make(ada, { name: 'Kitchen', topic: 'Who has the milk?' });
        await isAt(ada, 'Kitchen');
        ok(await box.isHidden(), 'the dialog is gone');
        await namesAre(ada, ['general', 'Kitchen'], 'it is in the list');
        is(await room(ada, 'Kitchen').getAttribute('aria-current'), 'page', '... as the one that is open');
        ok(await ada.getByText('Who has the milk?').isVisible(), 'its topic is in the header');
        await until('one can write at once', () => hasFocus(composer(ada)));
        like(await log(ada).evaluate(node => getComputedStyle(node, '::before').content), /Nothing has been said/, 'an empty room says that it is');
    });

    await scene('a name that is taken is refused where it was typed', async () => {
        const box = await make(bob, { name: 'kitchen' });
        const problem = box.getByRole('alert');
        await until('the dialog says why', async () => (await problem.textContent()) !== '');
        is(await problem.textContent(), 'This name is taken.', 'a clear word');
        is(await box.getByLabel('Name').inputValue(), 'kitchen', 'what was typed is still there');
        await bob.keyboard.press('Escape');
        await namesAre(bob, ['general'], 'no room was made');
    });

    await scene('somebody else finds it and joins', async () => {
        const box = await browse(bob);
        const found = box.getByRole('listitem').filter({ hasText: 'Kitchen' });
        await found.waitFor();
        like(await found.textContent(), /Who has the milk\?.*Join/, 'the room has its topic and a word to click');
        await found.getByRole('button').click();
        await isAt(bob, 'Kitchen');
        await namesAre(bob, ['general', 'Kitchen'], 'it is in the list now');
        await until('one can write at once', () => hasFocus(composer(bob)));
        await bob.keyboard.type('hello kitchen');
        await bob.keyboard.press('Enter');
        await log(ada).getByText('hello kitchen').waitFor();
        ok(true, 'and what is said there is heard');
        const again = await browse(bob);
        ok(await again.getByText('You are in every public room.').waitFor().then(() => true), 'a room one is in is not offered again');
        await bob.keyboard.press('Escape');
    });

    await scene('its members are listed, with who is there', async () => {
        const box = await about(bob);
        const members = box.getByRole('listitem');
        await until('both are listed', async () => await members.count() === 2);
        is(await texts(members.locator('bdi')), ['ada', 'bob'], 'ada and bob, by name');
        await bob.keyboard.press('Escape');
        await until('only those of the room are in the panel', async () =>
            (await texts(online(bob).getByRole('listitem').locator('bdi'))).join() === 'ada,bob');
        is(await online(bob).locator('.count').textContent(), '2', '... and counted');
    });

    await scene('the owner changes the topic, and all see it', async () => {
        const box = await about(ada);
        await box.getByLabel('Topic').fill('Who has the sugar?');
        await box.getByRole('button', { name: 'Save' }).click();
        await bob.getByRole('main').getByText('Who has the sugar?').waitFor();
        await ada.getByRole('main').getByText('Who has the sugar?').waitFor();
        ok(await box.isHidden(), 'the dialog is gone');

        const other = await about(bob);
        await other.getByLabel('Topic').fill('Mine now');
        await other.getByRole('button', { name: 'Save' }).click();
        await other.getByText('You may not do this.').waitFor();
        ok(true, 'whoever does not own it is refused, in place');
        await bob.keyboard.press('Escape');
        is(await bob.getByRole('main').getByText('Mine now').count(), 0, 'the topic stays');
        await ada.reload();
        await ada.getByRole('main').getByText('Who has the sugar?').waitFor();
        ok(true, 'and is still there after a reload');
    });

    await scene('one leaves', async () => {
        const box = await about(bob);
        await box.getByRole('button', { name: 'Leave this room' }).click();
        await isAt(bob, 'general');
        await namesAre(bob, ['general'], 'it is gone from the list, and another room is open');
        ok(await box.isHidden(), 'the dialog is gone');
        await until('the others no longer see bob in the room', async () => {
            const members = (await about(ada)).getByRole('listitem').locator('bdi');
            await members.first().waitFor();
            const names = await texts(members);
            await ada.keyboard.press('Escape');
            return names.join() === 'ada';
        });
        ok(!await (await about(bob)).getByRole('button', { name: 'Leave this room' }).count(), 'nobody can leave general');
        await bob.keyboard.press('Escape');
    });
}

async function privateRooms({ ada, bob }) {
    await scene('a private room is for those who are added', async () => {
        await make(ada, { name: 'Secrets', hidden: true });
        await isAt(ada, 'Secrets');
        const offered = await browse(bob);
        await offered.getByText('Kitchen').waitFor();
        is(await offered.getByText('Secrets').count(), 0, 'others do not find it');
        await bob.keyboard.press('Escape');

        const box = await about(ada);
        await box.getByLabel('Add somebody by name').fill('nobody-at-all');
        await box.getByRole('button', { name: 'Add', exact: true }).click();
        await box.getByText('Nobody has this name.').waitFor();
        ok(true, 'a name that nobody has: a clear word');

        await box.getByLabel('Add somebody by name').fill('bob');
        await box.getByLabel('Add somebody by name').press('Enter');
        await room(bob, 'Secrets').waitFor();
        ok(true, 'bob has the room without doing anything');
        await until('... and is a member', async () => (await texts(box.getByRole('listitem').locator('bdi'))).join() === 'ada,bob');
        is(await box.getByText('Nobody has this name.').count(), 0, 'the old complaint is gone');
        is(await box.getByLabel('Add somebody by name').inputValue(), '', '... and the field is empty again');
        await ada.keyboard.press('Escape');

        await composer(ada).fill('psst');
        await composer(ada).press('Enter');
        await room(bob, /Secrets.*1 unread message/).click();
        await log(bob).getByText('psst').waitFor();
        ok(true, 'bob can read there');
    });
}

async function directRooms({ ada, bob }) {
    await scene('a click on a name in the online panel writes to that person', async () => {
        await room(ada, 'general').click();
        await room(bob, 'general').click();
        await online(ada).getByRole('button', { name: 'bob' }).click();
        await isAt(ada, 'bob');
        await composer(ada).pressSequentially('just for you');
        await composer(ada).press('Enter');
        await room(bob, /^ada.* 1 unread message/).waitFor();
        is(await room(bob, /^ada/).locator('.count').evaluate(node => node.firstChild.textContent), '1', 'bob sees one unread message');
        await isAt(bob, 'general');
        await room(bob, /^ada/).click();
        await log(bob).getByText('just for you').waitFor();
        await until('the sign goes when it is read', async () => !await room(bob, /^ada/).locator('.count').count());
        ok(await online(ada).getByRole('button', { name: 'ada' }).isDisabled(), 'nobody writes to themselves');
    });

    await scene('a click on the name above a message does, too', async () => {
        await room(bob, 'general').click();
        await composer(bob).fill('hello all');
        await composer(bob).press('Enter');
        await room(ada, 'general').click();
        await log(ada).getByText('hello all').waitFor();
        await log(ada).getByRole('button', { name: 'bob' }).last().click();
        await isAt(ada, 'bob');
        await until('the list is drawn', async () => (await roomNames(ada)).includes('bob'));
        is((await roomNames(ada)).filter(name => name === 'bob'), ['bob'], 'it is the room that there was');
    });
}

async function keys({ ada }) {
    await scene('Ctrl+K and a few letters lead to a room', async () => {
        await ada.keyboard.press('Control+k');
        await dialog(ada, 'Jump to…').waitFor();
        await ada.keyboard.type('itc');
        const choices = ada.getByRole('option');
        await until('one room is left', async () => await choices.count() === 1);
        await ada.keyboard.press('Enter');
        await isAt(ada, 'Kitchen');
        ok(await dialog(ada, 'Jump to…').isHidden(), 'the dialog is gone');
    });

    await scene('... and to a person; the arrows choose', async () => {
        await ada.keyboard.press('Control+k');
        await ada.keyboard.type('e');
        const chosen = ada.getByRole('option', { selected: true });
        const names = await texts(ada.getByRole('option').locator('bdi'));
        ok(names.length >= 3 && names.includes('eve'), `several to choose from: ${names}`);
        for (let i = 0; i < names.indexOf('eve'); i++) await ada.keyboard.press('ArrowDown');
        is(await texts(chosen.locator('bdi')), ['eve'], 'down, to the one that is wanted');
        await ada.keyboard.press('ArrowUp');
        is(await texts(chosen.locator('bdi')), [names.at(names.indexOf('eve') - 1)], '... up again');
        await ada.keyboard.press('ArrowDown');
        is(await ada.getByRole('combobox').getAttribute('aria-activedescendant'), await chosen.getAttribute('id'), 'a screen reader is told');
        await ada.keyboard.press('Enter');
        await isAt(ada, 'eve');
    });

    await scene('Alt and the arrows go through the list', async () => {
        const names = await roomNames(ada);
        ok(names.length >= 4, `the rooms are ${names}`);
        await room(ada, names[0]).click();
        await isAt(ada, names[0]);
        for (const name of [...names.slice(1), names[0]]) {
            await ada.keyboard.press('Alt+ArrowDown');
            await isAt(ada, name);
        }
        for (const name of names.toReversed()) {
            await ada.keyboard.press('Alt+ArrowUp');
            await isAt(ada, name);
        }
        ok(true, 'down through all of them, and up');
    });

    await scene('? shows the keys, but not while one writes', async () => {
        await composer(ada).fill('really');
        await composer(ada).press('?');
        is(await composer(ada).inputValue(), 'really?', 'a question mark is a question mark');
        is(await ada.getByRole('dialog').count(), 0, 'no dialog comes');
        await composer(ada).fill('');
        await log(ada).focus();
        await ada.keyboard.press('?');
        const box = dialog(ada, 'Keyboard shortcuts');
        await box.waitFor();
        const terms = (await texts(box.getByRole('term'))).map(text => text.trim().replace(/\s+/g, ' '));
        for (const key of ['Ctrl K', 'Alt ↑', 'Alt ↓', '?']) ok(terms.includes(key), `${key} is explained`);
        await ada.keyboard.press('Escape');
        await until('Escape closes it', () => box.isHidden());
        ok(await hasFocus(log(ada)), 'and the focus is where it was');
    });
}

async function people({ house, ada, eve }) {
    const names = () => texts(online(ada).getByRole('listitem').locator('bdi'));
    const count = () => online(ada).locator('.count').textContent();
    await room(ada, 'general').click();

    await scene('who comes and who goes is seen at once', async () => {
        await until('there are three', async () => await count() === '3');
        is(await names(), ['ada', 'bob', 'eve'], 'ada, bob and eve');
        const joe = await house.api('joe');
        await joe.connect();
        await until('there are four', async () => await count() === '4');
        is(await names(), ['ada', 'bob', 'eve', 'joe'], 'joe stands where the alphabet says');
        joe.leave();
        const left = Date.now();
        await until('joe is gone', async () => !(await names()).includes('joe'));
        ok(Date.now() - left > 4000, 'not at once: a reload is no leaving');
        is(await count(), '3', '... and not counted any more');
        ok(eve, 'eve stays');
    });

    await scene('many people can be searched', async () => {
        const search = online(ada).getByRole('searchbox', { name: 'Search people' });
        const more = await Promise.all(Array.from({ length: SEARCH_ABOVE - 3 }, (_, i) => house.api(`p${String(i).padStart(2, '0')}`)));
        await Promise.all(more.map(each => each.connect()));
        await until('all are there', async () => await count() === String(SEARCH_ABOVE));
        await until('... by name', async () => (await names()).length === SEARCH_ABOVE);
        ok(await search.isHidden(), 'twenty can be looked at: no field');
        const zoe = await house.api('zoe');
        await zoe.request('PATCH', '/api/me', { display_name: 'Queen Zoe' });
        await zoe.connect();
        await search.waitFor();
        ok(true, 'one more, and there is a field');
        await search.fill('QUEEN');
        await until('the shown name is found', async () => (await names()).join() === 'Queen Zoe');
        await search.fill('zoe');
        await until('... and the name', async () => (await names()).join() === 'Queen Zoe');
        is(await count(), String(SEARCH_ABOVE + 1), 'the count is of all');
        await search.fill('p1');
        await until('several fit', async () => (await names()).every(name => name.startsWith('p1')) && (await names()).length === 7);
        await search.fill('');
        await until('all are back', async () => (await names()).length === SEARCH_ABOVE + 1);
    });
}

play({}, async ({ house }) => {
    const [ada, bob] = await Promise.all(['ada', 'bob'].map(name => enter(house, name)));
    for (const person of [ada, bob]) person.forgive(/40[349]/); // what the server refuses is on the console, too
    const eve = await house.api('eve');
    await eve.connect();
    pages = [ada.page, bob.page];
    const all = { house, ada: ada.page, bob: bob.page, eve };
    await publicRooms(all);
    await privateRooms(all);
    await directRooms(all);
    await keys(all);
    await people(all);
});
