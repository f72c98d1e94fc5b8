// rows.js -- what stands in the log: days, the line of what is new, and messages, grouped by author.

import {dayOf} from '../lib/time.js';

const TOGETHER_MS = 5 * 60000;

function grouped(before, message) {
    return before && before.username === message.username && message.timestamp - before.timestamp < TOGETHER_MS &&
        dayOf(before.timestamp) === dayOf(message.timestamp);
}

// rows for items[from..to): {key, kind: 'day' | 'new' | 'message', …}; `newAfter` is the id that the line follows
export function rows(items, from, to, newAfter, isMe) {
    const result = [];
    let lined = newAfter === null || items.slice(0, from).some((m) => m.id > newAfter && !isMe(m.username));
    for (let i = from; i < to; ++i) {
        const message = items[i];
        let before = i > 0 ? items[i - 1] : undefined;
        if (i === from || dayOf(items[i - 1].timestamp) !== dayOf(message.timestamp))
            result.push({key: `day/${message.key}`, kind: 'day', timestamp: message.timestamp});
        if (!lined && message.id > newAfter && !isMe(message.username)) {
            result.push({key: 'new', kind: 'new'});
            lined = true;
            before = undefined;
        }
        result.push({key: message.key, kind: 'message', message, grouped: i > from && grouped(before, message)});
    }
    return result;
}
