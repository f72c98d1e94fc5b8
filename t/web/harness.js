/* harness.js -- a test of the page: a server, people with browsers, what they see.
 *
 *     #!/usr/bin/env node
 *     'use strict';
 *     const { play, story, is, until } = require('./web/harness.js');
 *
 *     play({ 'chatterbox.rate': 5 }, async ({ api, person }) => {
 *         const ada = await person('ada', { as: await api('ada') });
 *         await story('one sees the other', async () => { ... });
 *     });
 *
 * Settings are directives of the configuration; `-seconds` is for this file: how long everything may take. The play ends
 * with three tests that every one has: nobody's browser complained, the server ended well, and no sanitizer spoke.
 * When a story fails, pictures of what everybody sees are put into var/failed.
 */
'use strict';

const { ok, is, like, diag, story, done, onFailure } = require('./tap.js');
const { limit, until } = require('./wait.js');
const { open, axe, DESKTOP, PHONE } = require('./house.js');

for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1)); // 'exit' leaves nothing behind

async function play(settings, code) {
    const { '-seconds': seconds = 60, ...directives } = settings;
    let house;
    const timer = setTimeout(() => {
        diag(`time is up: ${limit(seconds)} s`);
        setTimeout(() => process.exit(1), 5000);
        house?.browser.close().finally(() => process.exit(1));
    }, limit(seconds) * 1000);
    try {
        house = await open(directives);
        onFailure(async name => diag((await house.pictures(name)).map(file => `picture: ${file}`).join('\n')));
        await perform(house, code);
    } catch (error) {
        ok(false, `the play ends early: ${error.message.split('\n')[0]}`);
        diag(error.stack);
    }
    const failed = done();
    if (failed && house) diag(`the end of what the server said:\n${house.server.log.split('\n').slice(-40).join('\n')}`);
    clearTimeout(timer);
    process.exit(failed ? 1 : 0);
}

async function perform(house, code) {
    const tools = Object.fromEntries(['person', 'api', 'seed'].map(name => [name, house[name].bind(house)]));
    try {
        await code({ house, server: house.server, noComplaints: () => noComplaints(house), ...tools });
        noComplaints(house);
    } catch (error) {
        diag((await house.pictures('early end')).map(file => `picture: ${file}`).join('\n'));
        throw error;
    }
    is(await house.close(), 0, 'the server ends by itself, with exit status 0');
    is(house.server.complaints, [], 'no sanitizer and no assertion complains');
}

/* tests that nobody's browser has complained since this was last asked */
function noComplaints({ persons }) {
    const all = persons.flatMap(({ name, complaints }) => complaints.splice(0).map(text => `${name}: ${text}`));
    return is(all, [], 'no errors on the console, no CSP violations, nothing from elsewhere');
}

module.exports = { play, story, ok, is, like, diag, until, limit, axe, DESKTOP, PHONE };
