// sw.js -- keeps the page's own files, so that a reload without a network still shows the last rooms. The
// network goes first: an upgraded server is seen at the next load. What people say is not kept here
// (js/state/memory.js does that).

const CACHE = 'chatterbox-shell-1'; // another number begins anew
const PATIENCE_MS = 2000; // a server that does not answer for so long is away...
const HURRY_MS = 10000; // ... and the next files do not wait for it: modules come in many steps, one by one
const SHELL = /^(?:(?:index\.html)?|manifest\.json|(?:css|icons|js|vendor)\/.+)$/;
const scope = self.registration.scope;
let hurryUntil = 0;

// the name by which a file of the shell is kept; null for all else: whatever is not named above is never kept
function nameOf(url) {
    const path = url.startsWith(scope) ? url.slice(scope.length).split(/[?#]/)[0] : null;
    if (path === null || !SHELL.test(path))
        return null;
    return path === 'index.html' ? scope : scope + path;
}

// a file that was redirected is another one: a login page of somebody's gateway, say
async function keep(name, response) {
    if (response.status === 200 && !response.redirected)
        await (await caches.open(CACHE)).put(name, response);
}

// asks the server, past the browser's own cache: that one would hide an upgrade for as long as `expires` says
async function ask(event, name) {
    const response = await fetch(event.request, {cache: 'no-cache'});
    event.waitUntil(keep(name, response.clone()).catch(() => {})); // a full disk: nothing is kept
    return response;
}

async function answer(event, name) {
    const asked = ask(event, name);
    event.waitUntil(asked.catch(() => {})); // what comes late is kept for the next time
    const wait = Date.now() < hurryUntil ? 0 : PATIENCE_MS;
    const late = new Promise((resolve) => setTimeout(resolve, wait, 'late'));
    const first = await Promise.race([asked, late]).catch(() => null);
    if (first && first !== 'late' && first.status < 500)
        return first;
    const kept = await caches.match(name, {cacheName: CACHE});
    if (kept && first === 'late')
        hurryUntil = Math.max(hurryUntil, Date.now() + (wait && HURRY_MS));
    return kept ?? asked;
}

self.addEventListener('install', (event) => {
    self.skipWaiting();
    event.waitUntil(caches.open(CACHE).then((cache) => cache.add(new Request(scope, {cache: 'no-cache'}))));
});

self.addEventListener('activate', (event) => event.waitUntil((async () => {
    for (const name of await caches.keys())
        if (name.startsWith('chatterbox-') && name !== CACHE)
            await caches.delete(name);
    await self.clients.claim();
})()));

self.addEventListener('fetch', (event) => {
    const name = event.request.method === 'GET' ? nameOf(event.request.url) : null;
    if (name)
        event.respondWith(answer(event, name));
});

// the files that a page had loaded before this worker was there
self.addEventListener('message', (event) => event.waitUntil((async () => {
    const cache = await caches.open(CACHE);
    const missing = async (name) => await cache.match(name) || keep(name, await fetch(name));
    await Promise.allSettled([...new Set(event.data.map(nameOf))].filter(Boolean).map(missing));
})()));

// a notice that was shown through this worker, as on phones: to its room
self.addEventListener('notificationclick', (event) => {
    const {notification: {data: {room, message}}} = event;
    event.notification.close();
    event.waitUntil((async () => {
        const [page] = await self.clients.matchAll({type: 'window'});
        if (!page)
            return self.clients.openWindow(`${scope}#${room}`);
        page.postMessage({room, message});
        return page.focus();
    })());
});
