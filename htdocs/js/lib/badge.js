// badge.js -- how much is unread, where one sees it from another tab: in the title, on the icon, on the app.
// Knows the document.

const icon = document.querySelector('link[rel=icon]');
const plain = icon?.href;
const base = document.title;
let shown = ''; // what stands on the icon

export function setTitle(name, count) {
    document.title = count > 0 ? `(${count}) ${name}` : name;
}

// the icon with a count in its corner, as large as 16 pixels need it
async function counted(label) {
    const image = new Image();
    image.src = plain;
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), {width: 64, height: 64});
    const pen = canvas.getContext('2d');
    pen.drawImage(image, 0, 0, 64, 64);
    pen.fillStyle = '#d93a37';
    pen.beginPath();
    pen.roundRect(label.length > 1 ? 14 : 24, 0, label.length > 1 ? 50 : 40, 40, 20);
    pen.fill();
    pen.fillStyle = '#fff';
    pen.font = '600 36px system-ui, sans-serif';
    pen.textAlign = 'center';
    pen.fillText(label, label.length > 1 ? 39 : 44, 33, 40);
    return canvas.toDataURL('image/png');
}

export async function setBadge(count) {
    setTitle(base, count);
    (count > 0 ? navigator.setAppBadge?.(count) : navigator.clearAppBadge?.())?.catch(() => {});
    const label = count > 9 ? '9+' : count > 0 ? String(count) : '';
    if (!icon || label === shown)
        return;
    shown = label;
    const href = label ? await counted(label).catch(() => plain) : plain;
    if (label === shown) // another count may have come while this one was drawn
        icon.href = href;
}
