/* wait.js -- waiting: until this holds, at most so long. Nothing sleeps for a guessed time. */
'use strict';

const { setTimeout: pause } = require('node:timers/promises');

/* seconds, stretched where things are slower (CHATTERBOX_SLOW=5) */
const limit = seconds => seconds * (Number(process.env.CHATTERBOX_SLOW) || 1);

/* asks `holds` again and again until it returns something true, and returns that; throws when it does not in time */
async function until(what, holds, seconds = 10) {
    const deadline = Date.now() + limit(seconds) * 1000;
    let last;
    do {
        try {
            const value = await holds();
            if (value) return value;
            last = undefined;
        } catch (error) {
            last = error;
        }
        await pause(20);
    } while (Date.now() < deadline);
    throw new Error(`gave up after ${limit(seconds)} s: ${what}${last ? ` (${last.message})` : ''}`);
}

module.exports = { limit, until };
