// worker.js -- registers the service worker, and tells it which files the page has loaded without it.

export async function register() {
    if (!('serviceWorker' in navigator))
        return;
    await navigator.serviceWorker.register(new URL('../../sw.js', import.meta.url), {scope: './'});
    const {active} = await navigator.serviceWorker.ready;
    const files = performance.getEntriesByType('resource').map(({name}) => name.split('#')[0]);
    active.postMessage([new URL('./', location.href).href, ...new Set(files)]);
}
