// i18n.js -- texts in the reader's language. A text is a string with {names}, or one for each plural form of {n}.

let texts = {};
let plural;
export let lang = 'en';

// `all` has the texts of each language; `wanted` are languages in the order of liking, ['de-AT', 'en']
export function speak(all, wanted) {
    const found = wanted.find((tag) => all[tag.split('-')[0]]) ?? 'en';
    const base = found.split('-')[0];
    texts = {...all.en, ...all[base]};
    lang = found;
    plural = new Intl.PluralRules(found);
    return base;
}

export function t(key, values = {}) {
    let text = texts[key] ?? key;
    if (typeof text === 'object')
        text = text[plural.select(values.n)] ?? text.other;
    return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '');
}

// names in a row: "ada and bob"
export function list(names) {
    return new Intl.ListFormat(lang, {type: 'conjunction'}).format(names);
}

const attributes = {'data-t-label': 'aria-label', 'data-t-placeholder': 'placeholder', 'data-t-title': 'title'};

// the texts that stand in the markup: data-t for the content, the others for attributes
export function translate(root) {
    for (const node of root.querySelectorAll('[data-t]'))
        node.textContent = t(node.getAttribute('data-t'));
    for (const [from, to] of Object.entries(attributes))
        for (const node of root.querySelectorAll(`[${from}]`))
            node.setAttribute(to, t(node.getAttribute(from)));
}
