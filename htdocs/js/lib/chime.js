// chime.js -- two soft notes, made here; silence where the browser does not allow any sound yet.

const REST_MS = 1500; // ten messages at once are one sound
const LATE_MS = 1000; // a sound that has to wait for leave is none
let audio;
let last = 0;

function note(hertz, at, volume) {
    const tone = audio.createOscillator();
    const gain = audio.createGain();
    tone.frequency.value = hertz;
    gain.gain.setValueAtTime(0, at);
    gain.gain.linearRampToValueAtTime(volume, at + 0.015);
    gain.gain.exponentialRampToValueAtTime(0.0001, at + 0.22);
    tone.connect(gain).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.24);
    return tone;
}

export async function chime() {
    const now = Date.now();
    if (!navigator.userActivation?.hasBeenActive || now - last < REST_MS)
        return;
    last = now;
    try {
        audio ??= new AudioContext();
        await audio.resume();
        if (Date.now() - now > LATE_MS)
            return void audio.suspend();
        note(660, audio.currentTime, 0.06);
        note(880, audio.currentTime + 0.11, 0.05).onended = () => audio.suspend();
    } catch {
        // no sound here
    }
}
