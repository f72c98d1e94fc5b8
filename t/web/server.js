/* server.js -- a server of its own for a browser test.
 *
 * It runs conf/chatterbox.yaml, so that what is tested has the headers and paths that are shipped, with the listeners,
 * files and settings of the test put in. After the first start it keeps its ports: browsers come back to where it was.
 */
'use strict';

const { execFileSync, spawn } = require('node:child_process');
const { X509Certificate, createHash } = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { until } = require('./wait.js');

const root = path.resolve(__dirname, '../..');
const complaint = /(?:Address|Thread|Leak|UndefinedBehavior|Memory)Sanitizer|runtime error:|broken invariant/;

const servers = [];

process.once('exit', () => servers.forEach(server => server.remove()));

/* what the sanitizers shall overlook, where a library is not ours to mend; each entry there says why */
function overlooked(kind) {
    const given = process.env[`${kind}_OPTIONS`];
    const list = `suppressions=${root}/deps/${kind.toLowerCase()}.supp`;
    return { [`${kind}_OPTIONS`]: [...(given ? [given] : []), list, 'print_suppressions=0'].join(':') };
}

class Server {
    constructor(settings) {
        this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'chatterbox-'));
        this.ports = [0, 0];
        this.settings = {
            'num-threads': 2,
            'chatterbox.database': this.file('chat.db'),
            'chatterbox.token-secret-file': this.file('secret'),
            'chatterbox.rate': 0,
            'chatterbox.logins-per-minute': 0,
            ...settings,
        };
        this.makeCertificate();
        servers.push(this);
    }

    file(name) {
        return path.join(this.dir, name);
    }

    makeCertificate() {
        const [cert, key] = [this.file('cert.pem'), this.file('key.pem')];
        const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
        const whose = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
        execFileSync('openssl', [...kind, ...whose, '-keyout', key, '-out', cert], { stdio: 'pipe' });
    }

    /* the SHA-256 of the certificate's key, by which Chromium knows that it may trust it */
    get fingerprint() {
        const { publicKey } = new X509Certificate(fs.readFileSync(this.file('cert.pem')));
        return createHash('sha256').update(publicKey.export({ type: 'spki', format: 'der' })).digest('base64');
    }

    writeConfig() {
        const shipped = fs.readFileSync(path.join(root, 'conf/chatterbox.yaml'), 'utf8');
        const parts = shipped.split(/^(?=\S)/m).filter(part => !/^listen:/.test(part) && !(part.split(':')[0] in this.settings));
        const tls = { 'certificate-file': this.file('cert.pem'), 'key-file': this.file('key.pem') };
        const listen = this.ports.map((port, i) => ({ host: '127.0.0.1', port, ...(i ? { ssl: tls } : {}) }));
        const lines = Object.entries({ listen, ...this.settings }).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`);
        const text = [...parts, '\n', ...lines].join('').replace(/file\.dir: htdocs/, `file.dir: ${root}/htdocs`);
        fs.writeFileSync(this.file('chatterbox.yaml'), text);
    }

    /* starts it, and waits until it is ready; also again after stop or kill, at the same place with the same data */
    async start() {
        this.writeConfig();
        const log = fs.openSync(this.file('log'), 'w');
        const binary = path.resolve(process.env.CHATTERBOX_BIN ?? path.join(root, 'build/chatterbox'));
        this.status = undefined;
        const env = { ...process.env, ...overlooked('LSAN'), ...overlooked('TSAN') };
        this.child = spawn(binary, ['-c', this.file('chatterbox.yaml')], { stdio: ['ignore', log, log], env });
        this.child.once('exit', (code, signal) => { this.status = signal ?? code; });
        this.child.once('error', error => { this.status = error.message; });
        fs.closeSync(log);
        await until('the server is ready, or ends', () => /^ready$/m.test(this.log) || this.status !== undefined, 20);
        if (this.status !== undefined) throw new Error(`the server ended at its start (${this.status}): ${this.log}`);
        this.ports = [this.url, this.tlsUrl].map(url => Number(new URL(url).port));
        return this;
    }

    get log() {
        return fs.readFileSync(this.file('log'), 'utf8');
    }

    get url() {
        return /^listening on (http:\/\/\S+?)\/?$/m.exec(this.log)[1];
    }

    get tlsUrl() {
        return /^listening on (https:\/\/\S+?)\/?$/m.exec(this.log)[1];
    }

    /* what the sanitizers and assertions said */
    get complaints() {
        return this.log.split('\n').filter(line => complaint.test(line));
    }

    /* asks it to end; returns its exit status, which should be 0 */
    async stop(signal = 'SIGTERM') {
        if (this.status === undefined) this.child.kill(signal);
        await until('the server ends', () => this.status !== undefined, 20);
        return this.status;
    }

    remove() {
        if (this.child && this.status === undefined) this.child.kill('SIGKILL');
        fs.rmSync(this.dir, { recursive: true, force: true });
    }
}

module.exports = { Server, root };
