// notices.js -- what reaches somebody who looks elsewhere: the count in the title, and for a message in a
// direct room or with one's name a notice on the desktop and a soft sound. A notice goes when its message was
// read or deleted.

import {setBadge} from '../lib/badge.js';
import {chime} from '../lib/chime.js';
import {once} from '../lib/dom.js';
import {mentions, plain} from '../lib/markup.js';

const OLD_MS = 60000; // what is older was missed, and is told by the count

export class Notices {
    #store;
    #settings;
    #open;
    #shown = new Map(); // by room: {notice, message}

    // `open(room, message)` shows a message
    constructor({store, settings, open}) {
        this.#store = store;
        this.#settings = settings;
        this.#open = open;
        const unread = () => [...store.rooms.values()].reduce((sum, room) => sum + (room.unread || 0), 0);
        const count = once(() => setBadge(unread()));
        for (const type of ['rooms', 'unread', 'me'])
            store.addEventListener(type, count);
        store.addEventListener('arrived', ({detail}) => this.#arrived(detail));
        for (const type of ['unread', 'timeline', 'me'])
            store.addEventListener(type, () => this.#tidy());
        navigator.serviceWorker?.addEventListener('message', ({data}) => open(data.room, data.message));
    }

    // asks for leave; only after a click. true: granted
    static async ask() {
        return 'Notification' in window && await Notification.requestPermission() === 'granted';
    }

    // only what comes late is asked for its age: the clocks here and there may differ by more than a minute
    #arrived({room, message, late}) {
        const {me} = this.#store;
        const looking = !document.hidden && document.hasFocus();
        const old = late && Date.now() - message.timestamp > OLD_MS;
        if (looking || old || message.deleted || message.username === me.username)
            return;
        if (room.kind !== 'direct' && !mentions(message.text, me.username))
            return;
        if (this.#settings.get('sound'))
            chime();
        if (this.#settings.get('desktop') && window.Notification?.permission === 'granted')
            this.#show(room, message);
    }

    #show(room, message) {
        const who = this.#store.displayName(message.username);
        const title = room.kind === 'direct' ? who : `${who} · ${room.name}`;
        const options = {
            body: [...plain(message.text).slice(0, 400)].slice(0, 200).join(''), // never half a character
            tag: `room-${room.id}`, renotify: true, // one for each room, but each message alerts
            silent: true, // the sound has a switch of its own
            icon: 'icons/icon.svg', data: {room: room.id, message: message.id}
        };
        try {
            const notice = new Notification(title, options);
            this.#shown.set(room.id, {notice, message});
            notice.onclick = () => {
                window.focus();
                this.#open(room.id, message.id);
                notice.close();
            };
        } catch {
            // phones show them through the service worker only
            navigator.serviceWorker?.ready.then((worker) => worker.showNotification(title, options))
                .catch(() => {});
        }
    }

    #tidy() {
        for (const [id, {notice, message}] of this.#shown)
            if (message.deleted || !this.#store.room(id)?.unread) {
                notice.close();
                this.#shown.delete(id);
            }
    }
}
