// app.js -- the one file that knows everybody: makes the parts, and grants the wishes of the screen.

import {speak, translate} from './lib/i18n.js';
import {openDatabase} from './lib/idb.js';
import {register} from './lib/worker.js';
import {Memory} from './state/memory.js';
import {Outbox} from './state/outbox.js';
import {Settings} from './state/settings.js';
import {Store} from './state/store.js';
import {api} from './net/api.js';
import {Socket} from './net/socket.js';
import {Live} from './events/live.js';
import {Reading} from './commands/reading.js';
import {Writing} from './commands/writing.js';
import {texts} from './texts.js';
import {Notices} from './ui/notices.js';
import './ui/app-shell.js';

const settings = new Settings();
const store = new Store();
const db = await openDatabase('chatterbox', 1, ['memory', 'rooms', 'outbox']);
const outbox = new Outbox(db);
const memory = new Memory(db, store);
const socket = new Socket(new URL('ws', location.href.replace(/^http/, 'ws')).href);
const live = new Live(store, outbox, socket);
const writing = new Writing(store, outbox);
const reading = new Reading(store, socket);

function dress() {
    const theme = settings.get('theme');
    if (theme === 'auto')
        delete document.documentElement.dataset.theme;
    else
        document.documentElement.dataset.theme = theme;
    const wanted = settings.get('lang') === 'auto' ? navigator.languages : [settings.get('lang')];
    document.documentElement.lang = speak(texts, wanted);
    translate(document);
}

// -- coming and going --

async function enter(session) {
    store.setMe(session.user);
    await outbox.load(session.user.username);
    socket.start();
}

async function forget() {
    socket.stop();
    await memory.forget();
    store.forgetAll();
    store.setStatus('out');
}

// the page that opens: what is remembered first, then the server's word on who I am
async function begin() {
    const known = await memory.recall();
    if (known) {
        await outbox.load(store.me.username);
        for (const room of store.rooms.values())
            writing.showAll(room);
        socket.start();
    }
    try {
        const user = await api.me();
        if (known && store.me.username !== user.username) {
            socket.stop();
            await memory.forget();
            store.forgetAll();
        }
        await enter({user});
    } catch (refusal) {
        if (refusal.code === 'unauthorized')
            await forget();
        else if (!known)
            store.setStatus('offline', 0);
    }
}

const wishes = {
    login: async ({username, password}) => enter(await api.login(username, password)),
    register: async ({username, password}) => enter(await api.register(username, password)),
    logout: async ({everywhere}) => {
        await api.logout(everywhere).catch((refusal) => {
            if (refusal.code !== 'unauthorized')
                throw refusal;
        });
        outbox.clear();
        await forget();
    },
    profile: (changes) => api.profile(changes),
    say: (wish) => writing.say(wish),
    edit: (wish) => writing.edit(wish),
    remove: (wish) => writing.remove(wish),
    again: (wish) => writing.again(wish),
    discard: (wish) => writing.discard(wish),
    older: (wish) => reading.older(wish),
    members: (wish) => reading.members(wish),
    read: (wish) => reading.read(wish),
    typing: (wish) => reading.typing(wish),
    rooms: () => api.rooms(),
    'make-room': async (room) => store.look((await api.makeRoom(room)).id),
    'change-room': ({room, ...changes}) => api.changeRoom(room, changes),
    direct: async ({username}) => store.look((await api.direct(username)).id),
    join: async ({room}) => store.look((await api.join(room)).id),
    add: ({room, username}) => api.join(room, username),
    leave: ({room, username}) => api.leave(room, username),
    hurry: () => socket.hurry(),
    'ask-notices': () => Notices.ask()
};

for (const [type, grant] of Object.entries(wishes))
    document.addEventListener(`wish:${type}`, (event) => {
        event.detail.granted = (async () => grant(event.detail))();
    });

socket.addEventListener('out', forget);
document.addEventListener('visibilitychange', () => document.hidden || socket.hurry());
addEventListener('pagehide', () => memory.write());
settings.addEventListener('theme', dress);
settings.addEventListener('lang', () => location.reload());

dress();
const shell = document.querySelector('chat-app');
shell.start({store, settings, outbox});
new Notices({store, settings, open: (room, message) => shell.open(room, message)});
register().catch(() => {}); // without it the page just needs the network
await begin();
