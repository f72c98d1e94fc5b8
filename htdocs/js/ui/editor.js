// editor.js -- changing one's message where it stands: Enter keeps it, Escape leaves it as it was.

import {el, isComposing} from '../lib/dom.js';
import {t} from '../lib/i18n.js';
import {grow} from './grow.js';

export function editIn(node, message, save, after) {
    const text = node.querySelector('.text');
    if (!text || node.querySelector('.editor'))
        return;
    const area = el('textarea', {'aria-label': t('edit'), rows: 1, dir: 'auto'});
    const close = (keep) => {
        const value = area.value.trim();
        editor.remove();
        text.hidden = false;
        delete node.dataset.drawn;
        if (keep && value)
            save(value);
        after();
        document.dispatchEvent(new CustomEvent('chat:write'));
    };
    const editor = el('form', {class: 'editor', onsubmit: (event) => { event.preventDefault(); close(true); }},
        area,
        el('div', {class: 'row'},
            el('button', {class: 'primary small', type: 'submit'}, t('save')),
            el('button', {class: 'quiet small', type: 'button', onclick: () => close(false)}, t('cancel')),
            el('small', {}, t('edit_hint'))));
    area.addEventListener('keydown', (event) => {
        event.stopPropagation();
        if (event.key === 'Escape')
            close(false);
        else if (event.key === 'Enter' && !event.shiftKey && !isComposing(event)) {
            event.preventDefault();
            close(true);
        }
    });
    area.value = message.text;
    text.hidden = true;
    text.after(editor);
    grow(area);
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
}
