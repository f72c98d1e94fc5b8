// grow.js -- a text area that is as high as its text, up to what CSS allows.

const native = CSS.supports('field-sizing', 'content');

export function grow(area) {
    if (native)
        return;
    const fit = () => {
        area.style.height = 'auto';
        area.style.height = `${area.scrollHeight}px`;
    };
    area.addEventListener('input', fit);
    fit();
}
