// badge.js -- how much is unread, where one sees it from another tab: in the title, on the icon, on the app.

const icon = document.querySelector('link[rel=icon]');
const plain = icon?.href;
let drawn = 0;

// a dot on the icon
async function dotted() {
    const image = new Image();
    image.src = plain;
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), {width: 64, height: 64});
    const pen = canvas.getContext('2d');
    pen.drawImage(image, 0, 0, 64, 64);
    pen.fillStyle = '#f0524f';
    pen.beginPath();
    pen.arc(50, 14, 14, 0, 2 * Math.PI);
    pen.fill();
    return canvas.toDataURL('image/png');
}

export async function setBadge(count) {
    document.title = count > 0 ? `(${count}) Chatterbox` : 'Chatterbox';
    if (count > 0)
        navigator.setAppBadge?.(count).catch(() => {});
    else
        navigator.clearAppBadge?.().catch(() => {});
    if (icon && (count > 0) !== (drawn > 0))
        icon.href = count > 0 ? await dotted().catch(() => plain) : plain;
    drawn = count;
}
