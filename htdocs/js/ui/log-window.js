// log-window.js -- which messages of a timeline are in the document: [from, to), 300 at most, however long it is.

export const MOST = 300;
const STEP = 60; // that come in at an edge

export class Window {
    from = 0;
    to = 0;
    #length = 0; // of the timeline when it was looked at last

    // around the first unread message, or (-1) at the end
    place(length, first) {
        this.#length = length;
        this.to = first < 0 ? length : Math.min(length, first + MOST - STEP);
        this.from = Math.max(0, first < 0 ? length - 2 * STEP : first - STEP);
    }

    get atNewest() { return this.to >= this.#length; }

    // the timeline has `length` messages now: what came belongs to what is shown, if its end was
    follow(length, atEnd) {
        if (this.atNewest)
            this.to = atEnd ? length : Math.min(length, this.from + MOST);
        this.to = Math.min(this.to, length);
        if (atEnd && this.to - this.from > MOST)
            this.from = this.to - MOST + STEP;
        this.from = Math.min(this.from, this.to);
        this.#length = length;
    }

    // an older page came before all others
    shift(count) {
        this.from += count;
        this.to += count;
        this.#length += count;
        this.up();
    }

    // the oldest are gone
    cut(count) {
        this.from = Math.max(0, this.from - count);
        this.to -= count;
        this.#length -= count;
    }

    up() {
        this.from = Math.max(0, this.from - STEP);
        this.to = Math.min(this.to, this.from + MOST);
    }

    down(length) {
        this.to = Math.min(length, this.to + STEP);
        this.from = Math.max(this.from, this.to - MOST);
    }
}
