// part.js -- what the elements of the page have in common: what they were given, and that they undo everything when
// they go.

// the store, the settings and the outbox; filled once, before the first element is shown
export const at = {};

export class Part extends HTMLElement {
    connectedCallback() {
        this.gone = new AbortController();
        this.build();
    }

    disconnectedCallback() {
        this.gone.abort();
    }

    // listens until the element goes; several types at once with spaces between
    hear(target, types, listener, options = {}) {
        for (const type of types.split(' '))
            target.addEventListener(type, listener, {...options, signal: this.gone.signal});
    }

    every(ms, run) {
        const timer = setInterval(run, ms);
        this.gone.signal.addEventListener('abort', () => clearInterval(timer));
    }
}
