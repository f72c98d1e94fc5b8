// chime.js -- two soft notes, made here; silence where the browser does not allow any sound yet.

let audio;

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
}

export async function chime() {
    try {
        audio ??= new AudioContext();
        await audio.resume();
        note(660, audio.currentTime, 0.06);
        note(880, audio.currentTime + 0.11, 0.05);
    } catch {
        // no sound here
    }
}
