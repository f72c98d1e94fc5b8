// dom.js -- making elements, and asking for what only others can do.

// el('button', {class: 'x', type: 'button', onclick}, 'text', child, ...): properties starting with `on` are
// listeners, `data` is an object, the rest are attributes; null and false leave an attribute out
export function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (name.startsWith('on'))
            node.addEventListener(name.slice(2), value);
        else if (name === 'data')
            Object.assign(node.dataset, value);
        else if (value !== null && value !== undefined && value !== false)
            node.setAttribute(name, value === true ? '' : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
}

// a copy of a <template> of index.html
export function copy(id) {
    return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

// Sends a wish upwards; whoever grants it puts a promise into the detail, which is returned. A wish that nobody
// heard is a mistake of ours.
export function wish(from, type, detail = {}) {
    const event = new CustomEvent(`wish:${type}`, {bubbles: true, composed: true, detail: {...detail}});
    from.dispatchEvent(event);
    return event.detail.granted ?? Promise.reject(new Error(`nobody grants ${type}`));
}

// calls `run` once at the next frame, however often it is asked for
export function once(run) {
    let asked = false;
    return () => {
        if (asked)
            return;
        asked = true;
        // a hidden tab has no frames, but its title and marks go on
        const next = document.hidden ? (f) => setTimeout(f, 50) : requestAnimationFrame;
        next(() => {
            asked = false;
            run();
        });
    };
}

// a key that belongs to an input method; Safari says so only by the code of the Enter that ends a composition
export function isComposing(event) {
    return event.isComposing || event.keyCode === 229;
}

// a hue that stays with a name
export function hue(name) {
    let h = 7;
    for (const c of name.toLowerCase())
        h = (h * 31 + c.codePointAt(0)) % 360;
    return h;
}

// the round sign of a user
export function avatar(name, display = name) {
    const node = el('span', {class: 'avatar', 'aria-hidden': 'true'}, [...display][0]?.toUpperCase() ?? '?');
    node.style.setProperty('--hue', hue(name));
    return node;
}
