// sight.js -- which messages were really on the screen: half of one (or of the view, for a long one), while the tab is
// visible and has the focus. The mark goes up to the last of those that were all seen, without a hole.

const STEPS = [0, 0.1, 0.25, 0.5, 0.75, 1];
const SETTLE_MS = 250; // what only flies by while scrolling was not read

export class Sight {
    #box;
    #observer;
    #shown = new Set(); // ids on the screen now
    #seen = new Set();
    #timer = 0;
    #advance;

    // `advance` is called with ids that were seen, to move the mark
    constructor(box, signal, advance) {
        this.#box = box;
        this.#advance = advance;
        this.#observer = new IntersectionObserver((entries) => this.#look(entries), {root: box, threshold: STEPS});
        for (const [target, type] of [[document, 'visibilitychange'], [window, 'focus']])
            target.addEventListener(type, () => this.#soon(), {signal});
        signal.addEventListener('abort', () => this.#observer.disconnect());
    }

    watch(node) { this.#observer.observe(node); }

    unwatch(node) {
        this.#observer.unobserve(node);
        this.#shown.delete(Number(node.dataset.id));
    }

    // another room
    clear() {
        this.#observer.disconnect();
        this.#shown.clear();
        this.#seen.clear();
    }

    has(id) { return this.#seen.has(id); }

    #look(entries) {
        const view = this.#box.clientHeight;
        for (const {target, intersectionRect, boundingClientRect} of entries) {
            const id = Number(target.dataset.id);
            const enough = intersectionRect.height >= Math.min(boundingClientRect.height, view) / 2 && intersectionRect.height > 0;
            if (id && enough)
                this.#shown.add(id);
            else
                this.#shown.delete(id);
        }
        this.#soon();
    }

    #soon() {
        this.#timer ||= setTimeout(() => {
            this.#timer = 0;
            if (document.hidden || !document.hasFocus())
                return;
            for (const id of this.#shown)
                this.#seen.add(id);
            this.#advance();
        }, SETTLE_MS);
    }
}
