// api.js -- the calls over HTTP. An answer that is an error becomes a Refusal with its code; no answer, a Refusal
// with the code `offline`.

export class Refusal extends Error {
    constructor(code, detail = '', retryAfter = 0) {
        super(detail || code);
        this.code = code;
        this.retryAfter = retryAfter;
    }
}

async function call(method, path, body) {
    let response;
    try {
        response = await fetch(path, {
            method,
            headers: body ? {'Content-Type': 'application/json'} : {},
            body: body && JSON.stringify(body),
            signal: AbortSignal.timeout(30000)
        });
    } catch {
        throw new Refusal('offline');
    }
    const answer = response.status === 204 ? null : await response.json().catch(() => null);
    if (!response.ok)
        throw new Refusal(answer?.code ?? 'internal', answer?.detail, Number(response.headers.get('Retry-After') ?? 0));
    return answer;
}

export const api = {
    me: () => call('GET', 'api/me'),
    login: (username, password) => call('POST', 'api/login', {username, ...(password ? {password} : {})}),
    register: (username, password) => call('POST', 'api/register', {username, password}),
    logout: (everywhere) => call('POST', `api/logout${everywhere ? '?everywhere=1' : ''}`, {}),
    profile: (changes) => call('PATCH', 'api/me', changes),
    rooms: () => call('GET', 'api/rooms'),
    makeRoom: (room) => call('POST', 'api/rooms', room),
    changeRoom: (room, changes) => call('PATCH', `api/rooms/${room}`, changes),
    direct: (username) => call('POST', 'api/direct', {username}),
    join: (room, username) => call('POST', `api/rooms/${room}/members`, username ? {username} : {}),
    leave: (room, username) => call('DELETE', `api/rooms/${room}/members/${encodeURIComponent(username)}`),
    older: (room, before) => call('GET', `api/rooms/${room}/messages?limit=50${before ? `&before=${before}` : ''}`),
    members: (room, after = '', online = false) =>
        call('GET', `api/rooms/${room}/members?limit=100${after ? `&after=${encodeURIComponent(after)}` : ''}${online ? '&online=1' : ''}`)
};
