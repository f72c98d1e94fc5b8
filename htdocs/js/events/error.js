// error.js -- refused. What only needs time is tried again; the rest stays, marked, until the user decides.

const later = ['rate_limited', 'storage_unavailable', 'draining', 'overloaded', 'internal'];

// returns the ms to wait before the next try, or 0
export function error(store, outbox, frame) {
    const item = frame.cid && outbox.find(frame.cid);
    if (later.includes(frame.code))
        return Math.max(500, (frame.retry_after ?? 1) * 1000);
    if (!item)
        return 0;
    if (item.type === 'delete' && ['already_deleted', 'not_found'].includes(frame.code)) {
        outbox.remove(item); // gone is what was wanted
        return 0;
    }
    outbox.change(item, {state: 'failed', code: frame.code});
    return 0;
}
