/* tap.js -- what a test says: TAP on standard output for prove, and why something failed on standard error.
 *
 * A story is a subtest; stories run one after the other.
 */
'use strict';

const { isDeepStrictEqual, inspect } = require('node:util');

let level = { indent: '', count: 0, failed: 0 };
let atFailure = async () => {};

const say = text => process.stdout.write(level.indent + text + '\n');
const diag = text => process.stderr.write(String(text).replace(/^/gm, '# ') + '\n');
const shown = value => inspect(value, { depth: 8, breakLength: 120, maxStringLength: 2000 });

function ok(holds, what) {
    level.count++;
    say(`${holds ? 'ok' : 'not ok'} ${level.count} - ${String(what).replace(/[\r\n]+/g, ' ').replace(/#/g, '\\#')}`);
    if (holds) return true;
    level.failed++;
    diag(`failed: ${what}\n  ${whereFrom()}`);
    return false;
}

/* the first line of the stack that is in a test and not in here */
function whereFrom() {
    return new Error().stack.split('\n').slice(1).map(line => line.trim()).find(line => !line.includes(__filename)) ?? '';
}

function is(have, want, what) {
    return ok(isDeepStrictEqual(have, want), what) || (diag(`  have: ${shown(have)}\n  want: ${shown(want)}`), false);
}

function like(text, pattern, what) {
    return ok(pattern.test(text), what) || (diag(`  have: ${shown(text)}\n  want: ${pattern}`), false);
}

/* a subtest that fails, and lets the next one run, when its code throws */
async function story(name, code) {
    const outer = level;
    level = { indent: outer.indent + '    ', count: 0, failed: 0 };
    try {
        await code();
    } catch (error) {
        ok(false, `the story ends early: ${error.message.split('\n')[0]}`);
        diag(error.stack);
    }
    if (!level.count) ok(false, 'the story tests something');
    say(`1..${level.count}`);
    const { failed } = level;
    if (failed) await atFailure(name);
    level = outer;
    return ok(!failed, name);
}

/* the plan; returns how many tests failed */
function done() {
    say(`1..${level.count}`);
    return level.failed;
}

/* `run(name of the story)` is called when a story has failed */
function onFailure(run) {
    atFailure = run;
}

module.exports = { ok, is, like, diag, story, done, onFailure };
