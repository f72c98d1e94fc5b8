/* house.js -- a server, one Chromium, and the people who look at the page with it.
 *
 *     const house = await open({ 'chatterbox.guests': 'OFF' });
 *     const ada = await house.person('ada', { viewport: PHONE, colorScheme: 'light', locale: 'de-DE' });
 *     await ada.page.getByRole('textbox').fill('hi');
 *
 * Each person has cookies and storage of their own and comes over HTTPS, so HTTP/2. Whatever their browser complains of
 * is kept in `complaints`: errors on the console (CSP violations are among them), uncaught exceptions, requests to
 * foreign origins.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { Server, root } = require('./server.js');
const { Somebody } = require('./api.js');
const { limit } = require('./wait.js');

const { chromium } = require(path.join(root, 'deps/node_modules/playwright-core'));
const axeSource = path.join(root, 'deps/node_modules/axe-core/axe.min.js');

const DESKTOP = { width: 1280, height: 800 };
const PHONE = { width: 360, height: 740 };

class House {
    /* settings are directives of the configuration */
    async open(settings) {
        this.server = await new Server(settings).start();
        this.persons = [];
        this.browser = await chromium.launch({
            executablePath: process.env.CHATTERBOX_CHROMIUM ?? '/usr/bin/chromium',
            chromiumSandbox: process.getuid() !== 0,
            args: [`--ignore-certificate-errors-spki-list=${this.server.fingerprint}`],
            timeout: limit(30) * 1000,
        });
        return this;
    }

    /* a new person with the page open. `as`: somebody of `api`, whose session they have; `path`: null opens nothing;
     * the rest goes to the browser's context. */
    async person(name, { as, path: where = '/', timezone = 'UTC', ...options } = {}) {
        const context = await this.browser.newContext({
            baseURL: this.server.tlsUrl, viewport: DESKTOP, colorScheme: 'dark', locale: 'en-US', timezoneId: timezone, ...options,
        });
        context.setDefaultTimeout(limit(10) * 1000);
        const person = new Person(name, context, this.server.tlsUrl);
        this.persons.push(person);
        if (as) await person.hold(as.token);
        person.page = await context.newPage();
        if (where !== null) await person.page.goto(where);
        return person;
    }

    /* somebody without a browser; an account where a password is given */
    api(name, password) {
        return new Somebody(this.server, name).enter(password);
    }

    /* n messages in a room, by `author` or by a guest called sam; returns their ids */
    async seed(room, n, { author, text = i => `message ${i}` } = {}) {
        author ??= this.sam ??= await this.api('sam');
        if (room !== 1) await author.join(room);
        return author.sow(room, Array.from({ length: n }, (_, i) => text(i + 1)));
    }

    /* what everybody looks at, into var/failed; returns the paths */
    async pictures(name) {
        const folder = path.join(root, 'var/failed');
        fs.mkdirSync(folder, { recursive: true });
        const plain = `${path.basename(process.argv[1], '.t')} ${name}`.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 80);
        return Promise.all(this.persons.map(async person => {
            const file = path.join(folder, `${plain}-${person.name}.png`);
            await person.page.screenshot({ path: file, timeout: 5000 }).catch(() => {});
            return file;
        }));
    }

    /* ends the browser and the server; returns the server's exit status, which should be 0 */
    async close() {
        await this.browser.close();
        return this.server.stop();
    }
}

class Person {
    constructor(name, context, origin) {
        Object.assign(this, { name, context, origin, complaints: [], forgiven: [] });
        context.on('console', message => {
            if (message.type() === 'error') this.complain(`console: ${message.text()} (${message.location().url})`);
        });
        context.on('weberror', error => this.complain(`exception: ${error.error().stack ?? error.error()}`));
        context.on('request', request => {
            const url = new URL(request.url());
            if (/^(?:https?|wss?):$/.test(url.protocol) && url.origin !== origin) this.complain(`foreign origin: ${url}`);
        });
    }

    complain(text) {
        if (!this.forgiven.some(pattern => pattern.test(text))) this.complaints.push(text);
    }

    /* complaints like this are expected from now on */
    forgive(pattern) {
        this.forgiven.push(pattern);
    }

    /* the server goes away now and then, which resets what it was just answering, or the network does */
    forgiveAbsence() {
        this.forgive(/WebSocket connection to .* failed|net::ERR_(?:CONNECTION_REFUSED|CONNECTION_RESET|INTERNET_DISCONNECTED)/);
    }

    /* has this session's cookie */
    hold(token) {
        return this.context.addCookies([
            { name: '__Host-chatterbox_token', value: token, url: this.origin, httpOnly: true, secure: true, sameSite: 'Strict' },
        ]);
    }
}

/* what axe finds on the page as it is now, of level serious or critical. It runs in a world of its own: the page's CSP
 * stays as it is, and the page does not see it. (preload would add a <style>, which the CSP forbids.) */
async function axe(page) {
    const cdp = await page.context().newCDPSession(page);
    const run = `axe.run(document, { resultTypes: ['violations'], preload: false }).then(found => found.violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, impact, help, nodes }) => ({ id, impact, help, nodes: nodes.map(node => node.target.join(' ') + ': ' + node.failureSummary) })))`;
    const { frameTree } = await cdp.send('Page.getFrameTree');
    const { executionContextId: contextId } = await cdp.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id });
    await cdp.send('Runtime.evaluate', { contextId, expression: fs.readFileSync(axeSource, 'utf8') });
    const { result, exceptionDetails } = await cdp.send('Runtime.evaluate', { contextId, expression: run, awaitPromise: true, returnByValue: true });
    await cdp.detach();
    if (exceptionDetails) throw new Error(`axe: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    return result.value;
}

const open = settings => new House().open(settings);

module.exports = { open, axe, root, DESKTOP, PHONE };
