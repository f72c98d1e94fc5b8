// socket.js -- the one connection for live events. It comes back by itself: after a time that doubles and is random,
// and at once when the machine is online again or somebody looks at the page.
//
//     events: up, frame {…}, down {at: when it tries again, ms}, out {code: 4003 or 4005}

const FIRST_MS = 500;
const LONGEST_MS = 30000;
const QUIET_MS = 25000; // nothing heard for so long: ask whether anybody is there
const ANSWER_MS = 8000; // no answer for so long: nobody is
const LOGGED_OUT = [4003, 4005];

export class Socket extends EventTarget {
    #url;
    #socket = null;
    #tries = 0;
    #timer = 0;
    #watch = 0;
    #heard = 0;
    #asked = 0;
    #again = 0; // what the server's bye said, ms
    #wanted = false;

    constructor(url) {
        super();
        this.#url = url;
        addEventListener('online', () => this.hurry());
        addEventListener('offline', () => this.#lost());
    }

    // from now on there is to be a connection
    start() {
        this.#wanted = true;
        if (!this.#socket)
            this.#open();
    }

    stop() {
        this.#wanted = false;
        clearTimeout(this.#timer);
        clearInterval(this.#watch);
        const socket = this.#socket;
        this.#socket = null;
        socket?.close(1000);
    }

    // do not wait any longer for the next try; an open connection is asked whether it still is one
    hurry() {
        if (!this.#wanted)
            return;
        if (!this.#socket)
            this.#open();
        else if (this.#socket.readyState === WebSocket.OPEN && Date.now() - this.#heard > ANSWER_MS)
            this.#ask();
    }

    // false: there is no connection
    send(frame) {
        if (this.#socket?.readyState !== WebSocket.OPEN)
            return false;
        this.#socket.send(JSON.stringify(frame));
        return true;
    }

    // the server has let us in: the next failure is a first one
    welcomed() { this.#tries = 0; }

    #open() {
        clearTimeout(this.#timer);
        const socket = this.#socket = new WebSocket(this.#url, ['chatterbox.v1']);
        this.#heard = Date.now();
        this.#asked = 0;
        clearInterval(this.#watch);
        this.#watch = setInterval(() => this.#look(), 1000);
        socket.onopen = () => this.#mine(socket) && this.#tell('up');
        socket.onmessage = ({data}) => this.#mine(socket) && this.#hear(JSON.parse(data));
        socket.onclose = ({code}) => this.#mine(socket) && this.#closed(code);
    }

    #mine(socket) { return this.#socket === socket; }

    #hear(frame) {
        this.#heard = Date.now();
        this.#asked = 0;
        if (frame.type === 'bye')
            this.#again = frame.again_ms;
        this.#tell('frame', frame);
    }

    #ask() {
        if (this.#asked === 0 && this.send({type: 'ping'}))
            this.#asked = Date.now();
    }

    #look() {
        const now = Date.now();
        if (this.#asked !== 0 ? now - this.#asked > ANSWER_MS : this.#socket?.readyState === WebSocket.CONNECTING && now - this.#heard > ANSWER_MS)
            this.#lost();
        else if (now - this.#heard > QUIET_MS)
            this.#ask();
    }

    // nobody is there any more, whatever the socket believes
    #lost() {
        const socket = this.#socket;
        if (!socket)
            return;
        this.#closed(1006);
        socket.close();
    }

    #closed(code) {
        this.#socket = null;
        clearInterval(this.#watch);
        if (LOGGED_OUT.includes(code)) {
            this.#wanted = false;
            this.#tell('out', {code});
            return;
        }
        if (!this.#wanted)
            return;
        const wait = this.#again || Math.min(LONGEST_MS, FIRST_MS * 2 ** this.#tries++) * (0.5 + Math.random());
        this.#again = 0;
        this.#timer = setTimeout(() => this.#open(), wait);
        this.#tell('down', {at: Date.now() + wait});
    }

    #tell(type, detail = {}) {
        this.dispatchEvent(new CustomEvent(type, {detail}));
    }
}
