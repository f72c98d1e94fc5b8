// sw.js -- keeps the page's own files, so that a reload without a network still shows the last rooms. The network goes
// first: an upgraded server is seen at the next load. What people say is not kept here (js/state/memory.js does that).

const CACHE = 'chatterbox-shell-1';
const PATIENCE_MS = 3000; // a server that does not answer for so long is away
const live = /^(?:api\/|ws$|healthz$|readyz$|metrics$)/;

function isShell(url) {
    return url.origin === location.origin && !live.test(url.href.slice(self.registration.scope.length));
}

async function keep(request, response) {
    if (response.ok && response.type === 'basic')
        await (await caches.open(CACHE)).put(request, response);
}

async function answer(request) {
    const name = request.mode === 'navigate' ? self.registration.scope : request;
    const kept = await caches.match(name);
    try {
        const response = await fetch(request, kept ? {signal: AbortSignal.timeout(PATIENCE_MS)} : {});
        keep(name, response.clone()).catch(() => {});
        return response;
    } catch (error) {
        if (kept)
            return kept;
        throw error;
    }
}

self.addEventListener('install', () => self.skipWaiting());

self.addEventListener('activate', (event) => event.waitUntil((async () => {
    for (const name of await caches.keys())
        if (name !== CACHE)
            await caches.delete(name);
    await self.clients.claim();
})()));

self.addEventListener('fetch', (event) => {
    const {request} = event;
    if (request.method === 'GET' && isShell(new URL(request.url)))
        event.respondWith(answer(request));
});

// the files that the page had loaded before this worker was there
self.addEventListener('message', (event) => event.waitUntil((async () => {
    for (const url of event.data.filter((each) => isShell(new URL(each))))
        await keep(url, await fetch(url)).catch(() => {});
})()));
