/* api.js -- somebody without a browser: quick ways to have users, messages and live events for a page to show.
 *
 *     const bob = await house.api('bob');          a guest; with a password as second argument an account
 *     const { id } = await bob.say('hi');          over HTTP
 *     await bob.connect();                         over WebSocket: online from now on
 *     bob.typing();  bob.read(1, id);  await bob.edit(id, 'ho');  await bob.delete(id);  bob.leave();
 */
'use strict';

const http = require('node:http');
const { randomBytes } = require('node:crypto');
const { until } = require('./wait.js');

const TEXT = 1, CLOSE = 8, PING = 9, PONG = 10;

class Somebody {
    constructor(server, name) {
        Object.assign(this, { server, name, frames: [], cids: 0 });
    }

    async enter(password) {
        const call = password ? '/api/register' : '/api/login';
        Object.assign(this, await this.post(call, { username: this.name, password }));
        return this;
    }

    /* a request with JSON; returns what came, throws where it was refused */
    async request(method, path, body) {
        const headers = { ...(body ? { 'Content-Type': 'application/json' } : {}), ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}) };
        const answer = await fetch(this.server.url + path, { method, headers, body: body && JSON.stringify(body) });
        const text = await answer.text();
        if (!answer.ok) throw new Error(`${this.name}: ${method} ${path}: ${answer.status} ${text}`);
        return text ? JSON.parse(text) : undefined;
    }

    get(path) { return this.request('GET', path); }
    post(path, body = {}) { return this.request('POST', path, body); }

    say(text, room = 1) { return this.post(`/api/rooms/${room}/messages`, { text }); }

    /* makes a room and returns it: { kind, name, topic } */
    makeRoom(room) { return this.post('/api/rooms', { kind: 'public', ...room }); }
    join(room) { return this.post(`/api/rooms/${room}/members`); }
    add(room, username) { return this.post(`/api/rooms/${room}/members`, { username }); }
    direct(username) { return this.post('/api/direct', { username }); }

    /* -- the live connection: just enough of RFC 6455 -- */

    async connect() {
        const key = randomBytes(16).toString('base64');
        const headers = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': 13, 'Sec-WebSocket-Key': key };
        this.socket = await new Promise((resolve, reject) => {
            const request = http.get(`${this.server.url}/ws`, { headers, agent: false });
            request.once('upgrade', (_, socket, head) => resolve((socket.unshift(head), socket)));
            request.once('response', answer => reject(new Error(`${this.name} cannot connect: ${answer.statusCode}`)));
            request.once('error', reject);
        });
        this.input = Buffer.alloc(0);
        this.socket.on('data', bytes => this.onData(bytes)).on('error', () => {});
        this.send({ type: 'hello', token: this.token });
        await until(`${this.name} is welcomed`, () => this.frames.some(frame => frame.type === 'welcome'));
        return this;
    }

    onData(bytes) {
        this.input = Buffer.concat([this.input, bytes]);
        for (;;) {
            const { input } = this;
            const short = input[1] & 127;
            const start = short === 127 ? 10 : short === 126 ? 4 : 2;
            if (input.length < start) return;
            const length = short === 127 ? Number(input.readBigUInt64BE(2)) : short === 126 ? input.readUInt16BE(2) : short;
            if (input.length < start + length) return;
            this.input = input.subarray(start + length);
            this.onFrame(input[0] & 15, input.subarray(start, start + length));
        }
    }

    onFrame(opcode, payload) {
        if (opcode === TEXT) this.frames.push(JSON.parse(payload));
        else if (opcode === PING) this.write(PONG, payload);
        else if (opcode === CLOSE) this.socket.destroy();
    }

    /* a client's frame is masked; the mask is zero, so the bytes stay as they are */
    write(opcode, payload) {
        const head = Buffer.alloc(payload.length < 126 ? 6 : 8);
        head[0] = 128 | opcode;
        head[1] = 128 | Math.min(payload.length, 126);
        if (payload.length >= 126) head.writeUInt16BE(payload.length, 2);
        this.socket.write(Buffer.concat([head, payload]));
    }

    /* a frame of the protocol, shorter than 64 KiB */
    send(frame) { this.write(TEXT, Buffer.from(JSON.stringify(frame))); }

    /* sends what is acknowledged, and waits for that */
    async ask(frame) {
        const cid = `s-${++this.cids}`;
        this.send({ ...frame, cid });
        const answer = await until(`${this.name} gets an answer to ${frame.type}`, () => this.frames.find(each => each.cid === cid));
        if (answer.type === 'error') throw new Error(`${this.name}: ${frame.type}: ${answer.code} ${answer.detail}`);
        return answer;
    }

    edit(id, text) { return this.ask({ type: 'edit', id, text }); }
    delete(id) { return this.ask({ type: 'delete', id }); }
    typing(room = 1) { this.send({ type: 'typing', room }); }
    read(room, id) { this.send({ type: 'read', room, id }); }
    leave() { this.write(CLOSE, Buffer.from([1000 >> 8, 1000 & 255])); }

    /* many messages at once, in this order; returns their ids */
    async sow(room, texts) {
        if (!this.socket) await this.connect();
        const first = this.cids + 1;
        for (const text of texts) this.send({ type: 'message', room, cid: `s-${++this.cids}`, text });
        const answers = new Map();
        let looked = 0;
        await until(`${texts.length} messages are acknowledged`, () => {
            for (; looked < this.frames.length; looked++) {
                const frame = this.frames[looked];
                if (frame.type === 'error') throw new Error(`${frame.code} ${frame.detail}`);
                if (frame.type === 'ack') answers.set(frame.cid, frame.id);
            }
            return answers.has(`s-${this.cids}`);
        }, 60);
        return texts.map((_, i) => answers.get(`s-${first + i}`));
    }
}

module.exports = { Somebody };
