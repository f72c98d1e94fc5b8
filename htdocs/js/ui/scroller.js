// scroller.js -- the one object that moves the log: it stays at the end while the reader is there, and otherwise keeps
// what the reader looks at where it is, whatever is added above or below. Measures first, then writes.

const NEAR = 48; // so close to the end counts as there, px

export class Scroller {
    following = true;
    #box;
    #list;
    #moved;
    #top = 0;

    // `moved` is called after the reader has scrolled
    constructor(box, list, signal, moved) {
        this.#box = box;
        this.#list = list;
        this.#moved = moved;
        box.addEventListener('scroll', () => this.#scrolled(), {signal, passive: true});
        const observer = new ResizeObserver(() => this.following && this.toEnd());
        observer.observe(box);
        observer.observe(list);
        signal.addEventListener('abort', () => observer.disconnect());
    }

    get fromEnd() { return this.#box.scrollHeight - this.#box.scrollTop - this.#box.clientHeight; }
    get fromTop() { return this.#box.scrollTop; }

    // a log that grows while it moves to its end is not left: only the reader goes up
    #scrolled() {
        const top = this.#box.scrollTop;
        this.following = this.fromEnd < NEAR || (this.following && top >= this.#top);
        this.#top = top;
        this.#moved();
    }

    toEnd() {
        this.following = true;
        this.#box.scrollTop = this.#box.scrollHeight;
        this.#top = this.#box.scrollTop;
    }

    // puts a node a third below the top, or where the end allows
    show(node) {
        const box = this.#box.getBoundingClientRect();
        this.#box.scrollTop += node.getBoundingClientRect().top - box.top - box.height / 3;
        this.following = this.fromEnd < NEAR;
    }

    // changes the list, and what was in view stays where it was
    keep(change) {
        if (this.following) {
            change();
            return this.toEnd();
        }
        const node = this.#firstVisible();
        const bottom = node?.getBoundingClientRect().bottom; // its top goes when it joins the author's messages above
        change();
        if (node?.isConnected)
            this.#box.scrollTop += node.getBoundingClientRect().bottom - bottom;
    }

    // the rows stand in order, so half of them can be left out at each step
    #firstVisible() {
        const rows = this.#list.children;
        const edge = this.#box.getBoundingClientRect().top;
        let low = 0;
        let high = rows.length - 1;
        while (low < high) {
            const middle = (low + high) >> 1;
            if (rows[middle].getBoundingClientRect().bottom > edge)
                high = middle;
            else
                low = middle + 1;
        }
        let row = rows[low];
        while (row && !row.matches('article')) // a day's line goes when something comes before it
            row = row.nextElementSibling;
        return row ?? rows[low];
    }
}
