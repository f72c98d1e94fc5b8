// emoji.js -- the emoji picker beside the field, and the search behind `:name:`. Both come from emoji-picker-element,
// which is fetched only when it is first needed; a server without it has no picker and no completion.

import {el} from '../lib/dom.js';
import {lang, t} from '../lib/i18n.js';

const BASE = new URL('../../vendor/emoji-picker-element/', import.meta.url).href;
const locale = () => (lang.startsWith('de') ? 'de' : 'en');
const source = () => `${BASE}data/${locale()}.json`;
let database;
let box = null;

// up to `most` emoji whose name or tags begin with the word, those first that are called so: {unicode, name}
export async function searchEmoji(word, most) {
    if (!database) {
        const {default: Database} = await import(`${BASE}database.js`);
        database = new Database({locale: locale(), dataSource: source()});
    }
    const found = await database.getEmojiBySearchQuery(word.replace(/_/g, ' '));
    const called = ({unicode, shortcodes, annotation}) => {
        const name = shortcodes?.find((code) => code === word) ?? shortcodes?.find((code) => code.startsWith(word));
        return {unicode, name: name ?? shortcodes?.[0] ?? annotation, rank: name === word ? 0 : name ? 1 : 2};
    };
    return found.map(called).sort((a, b) => a.rank - b.rank).slice(0, most);
}

async function makePicker() {
    const {Picker} = await import(`${BASE}index.js`);
    const {default: i18n} = await import(`${BASE}i18n/${locale()}.js`);
    const picker = new Picker({locale: locale(), dataSource: source(), i18n});
    const theme = document.documentElement.dataset.theme;
    if (theme)
        picker.classList.add(theme);
    return picker;
}

// opens it beside `button`, or closes it; `chosen` gets each emoji that is picked
export async function toggleEmoji(host, button, chosen) {
    if (box)
        return closeEmoji(button);
    box = el('div', {class: 'emoji-box', role: 'dialog', 'aria-label': t('emoji')});
    host.append(box);
    button.setAttribute('aria-expanded', 'true');
    const opened = box;
    const outside = (event) => {
        if (!opened.isConnected || (!event.composedPath().includes(opened) && !event.composedPath().includes(button))) {
            document.removeEventListener('pointerdown', outside);
            if (box === opened)
                closeEmoji(button);
        }
    };
    document.addEventListener('pointerdown', outside);
    box.addEventListener('keydown', (event) => {
        if (event.key === 'Escape') {
            event.stopPropagation();
            closeEmoji(button);
            button.focus();
        }
    });
    try {
        const picker = await makePicker();
        picker.addEventListener('emoji-click', ({detail}) => {
            chosen(detail.unicode);
            closeEmoji(button);
        });
        opened.append(picker);
        picker.shadowRoot.querySelector('input')?.focus();
    } catch {
        opened.append(el('p', {class: 'muted'}, t('no_emoji')));
    }
}

function closeEmoji(button) {
    box?.remove();
    box = null;
    button.setAttribute('aria-expanded', 'false');
}
