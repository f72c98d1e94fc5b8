// worker.js -- registers the service worker, and tells it which files the page had loaded without it.
// Knows the document.

function tell() {
    const links = [...document.querySelectorAll('link[href]')].map(({href}) => href); // not all are timed
    const loaded = performance.getEntriesByType('resource').map(({name}) => name);
    navigator.serviceWorker.controller?.postMessage([...links, ...loaded]);
}

// only where the browser allows it: over HTTPS, and on the machine itself
export async function register() {
    if (!isSecureContext || !('serviceWorker' in navigator))
        return;
    // a worker that takes over a page has none of its files: at the first visit, and when a new one came
    navigator.serviceWorker.addEventListener('controllerchange', tell);
    await navigator.serviceWorker.register(new URL('../../sw.js', import.meta.url));
}
