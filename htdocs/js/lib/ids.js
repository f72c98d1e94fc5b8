// ids.js -- names that nobody else chooses.

export function newCid() {
    const bytes = crypto.getRandomValues(new Uint8Array(12));
    return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}
