// icon.js -- the few signs on buttons, as paths on a grid of 24, drawn in the colour of the text.

const NS = 'http://www.w3.org/2000/svg';
const paths = {
    add: 'M12 5v14M5 12h14',
    bell: 'M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4',
    check: 'M5 12.5l4.5 4.5L19 7.5',
    close: 'M6 6l12 12M18 6L6 18',
    direct: 'M4 5h16v11H9l-5 4z',
    down: 'M12 5v14M6 13l6 6 6-6',
    edit: 'M4 20l1-4L16 5l3 3L8 19zM14 7l3 3',
    emoji: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M8.5 14.5a4.5 4.5 0 0 0 7 0M9 9.5v.5M15 9.5v.5',
    gear: 'M4 7h10M18 7h2M4 17h2M10 17h10M14 7a2 2 0 1 0 4 0 2 2 0 0 0-4 0M6 17a2 2 0 1 0 4 0 2 2 0 0 0-4 0',
    info: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 11v5M12 8v.5',
    leave: 'M14 5H5v14h9M10 12h10M16 8l4 4-4 4',
    lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
    menu: 'M4 7h16M4 12h16M4 17h16',
    people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7M2.5 20a6.5 6.5 0 0 1 13 0M16 4.3a3.5 3.5 0 0 1 0 6.4M18 14a6.5 6.5 0 0 1 3.5 6',
    room: 'M9 4L7 20M17 4l-2 16M4 9h16M4 15h16',
    search: 'M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14M16 16l5 5',
    send: 'M4 12l16-8-6 16-3-6z',
    trash: 'M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13'
};

export function icon(name) {
    const svg = document.createElementNS(NS, 'svg');
    const path = document.createElementNS(NS, 'path');
    svg.setAttribute('viewBox', '0 0 24 24');
    svg.setAttribute('class', 'icon');
    svg.setAttribute('aria-hidden', 'true');
    path.setAttribute('d', paths[name]);
    svg.append(path);
    return svg;
}
