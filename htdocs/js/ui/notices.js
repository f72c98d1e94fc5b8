// notices.js -- what reaches somebody who looks elsewhere: the count in the title, and for a message in a direct room or
// with one's name a notice on the desktop and a soft sound.

import {setBadge} from '../lib/badge.js';
import {chime} from '../lib/chime.js';
import {once} from '../lib/dom.js';
import {mentions, plain} from '../lib/markup.js';

const OLD_MS = 60000; // what is older was missed, and is told by the count

export class Notices {
    #store;
    #settings;
    #open;

    // `open(room, message)` shows a message
    constructor({store, settings, open}) {
        this.#store = store;
        this.#settings = settings;
        this.#open = open;
        const count = once(() => setBadge([...store.rooms.values()].reduce((sum, room) => sum + (room.unread || 0), 0)));
        for (const type of ['rooms', 'unread', 'me'])
            store.addEventListener(type, count);
        store.addEventListener('arrived', ({detail}) => this.#arrived(detail));
    }

    // asks for leave; only after a click. true: granted
    static async ask() {
        return 'Notification' in window && await Notification.requestPermission() === 'granted';
    }

    #arrived({room, message}) {
        const looking = !document.hidden && document.hasFocus();
        const mine = room.kind === 'direct' || mentions(message.text ?? '', this.#store.me.username);
        if (looking || !mine || Date.now() - message.timestamp > OLD_MS)
            return;
        if (this.#settings.get('sound'))
            chime();
        if (this.#settings.get('desktop') && 'Notification' in window && Notification.permission === 'granted')
            this.#show(room, message);
    }

    #show(room, message) {
        const who = this.#store.displayName(message.username);
        const title = room.kind === 'direct' ? who : `${who} · ${room.name}`;
        const options = {body: plain(message.text).slice(0, 200), tag: `room-${room.id}`, icon: 'icons/icon.svg'};
        try {
            const notice = new Notification(title, options);
            notice.onclick = () => {
                window.focus();
                this.#open(room.id, message.id);
                notice.close();
            };
        } catch {
            // phones show them through the service worker only
            navigator.serviceWorker?.ready.then((worker) => worker.showNotification(title, options)).catch(() => {});
        }
    }
}
