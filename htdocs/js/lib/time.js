// time.js -- when, in the reader's language and time zone.

const formats = new Map();

function format(lang, options) {
    const key = lang + JSON.stringify(options);
    if (!formats.has(key))
        formats.set(key, new Intl.DateTimeFormat(lang, options));
    return formats.get(key);
}

// the day of a time (ms) as something that can be compared
export function dayOf(ms) {
    const date = new Date(ms);
    return date.getFullYear() * 10000 + date.getMonth() * 100 + date.getDate();
}

// "Today", "Yesterday", or the date; with the year where it is another one
export function dayLabel(ms, now, lang, t) {
    const date = new Date(ms);
    const today = new Date(now);
    if (dayOf(ms) === dayOf(now))
        return t('today');
    if (dayOf(ms) === dayOf(new Date(today.getFullYear(), today.getMonth(), today.getDate() - 1).getTime()))
        return t('yesterday');
    const year = date.getFullYear() === today.getFullYear() ? {} : {year: 'numeric'};
    return format(lang, {weekday: 'long', day: 'numeric', month: 'long', ...year}).format(date);
}

export function clock(ms, lang) {
    return format(lang, {timeStyle: 'short'}).format(ms);
}

// without AM and PM, where there is no room for them
export function shortClock(ms, lang) {
    const parts = format(lang, {timeStyle: 'short'}).formatToParts(ms);
    return parts.filter(({type}) => type !== 'dayPeriod').map(({value}) => value).join('').trim();
}

export function full(ms, lang) {
    return format(lang, {dateStyle: 'full', timeStyle: 'medium'}).format(ms);
}

export function untilMidnight(now) {
    const date = new Date(now);
    return new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime() - now;
}
