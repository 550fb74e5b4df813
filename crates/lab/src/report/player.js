'use strict';
(() => {
  const film = JSON.parse(document.getElementById('film').textContent);
  const WHITE = 'data:image/svg+xml,%3Csvg xmlns="http://www.w3.org/2000/svg"/%3E';
  const seconds = (at, digits) => (at / 1000).toFixed(digits) + '\u00a0s';

  // Every frame becomes one address that strips and player share.
  const address = base64 => {
    const bytes = Uint8Array.from(atob(base64), character => character.charCodeAt(0));
    return URL.createObjectURL(new Blob([bytes], { type: 'image/jpeg' }));
  };
  const sides = film.sides.map(side => ({
    name: side.name,
    marks: side.marks,
    frames: [{ at: 0, percent: 0, source: WHITE }].concat(
      side.frames.map(([at, percent, base64]) => ({ at, percent, source: address(base64) }))),
  }));
  const frameAt = (side, at) => {
    let low = 0;
    let high = side.frames.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (side.frames[middle].at <= at) low = middle; else high = middle - 1;
    }
    return side.frames[low];
  };
  const seen = (side, frame, at, digits) => frame.source === WHITE
    ? `${side.name} after ${seconds(at, digits)}: a white page`
    : `${side.name} after ${seconds(at, digits)}: ${frame.percent} % of the page visible`;

  // The player: one clock, two pictures.
  const play = document.getElementById('play');
  const time = document.getElementById('time');
  const clock = document.getElementById('clock');
  const screens = [...document.querySelectorAll('.screen')].map((screen, index) => ({
    side: sides[index],
    image: screen.querySelector('img'),
    percent: screen.querySelector('.percent'),
    meter: screen.querySelector('.meter i'),
    shown: null,
  }));
  const end = Math.ceil(film.end / 10) * 10;
  time.max = end;
  let now = Math.min(film.poster, end);
  let playing = 0;
  let untouched = true;

  const show = at => {
    now = at;
    time.value = at;
    time.style.setProperty('--done', 100 * at / end + '%');
    clock.value = seconds(at, 2);
    time.setAttribute('aria-valuetext', seconds(at, 2));
    for (const screen of screens) {
      const frame = frameAt(screen.side, at);
      // The description follows the clock only at rest, and the picture only when it changes.
      if (!playing) screen.image.alt = seen(screen.side, frame, at, 2);
      if (screen.shown === frame) continue;
      screen.shown = frame;
      screen.image.src = frame.source;
      screen.percent.textContent = frame.percent + '\u00a0%';
      screen.meter.style.width = frame.percent + '%';
    }
  };
  const stop = () => {
    cancelAnimationFrame(playing);
    playing = 0;
    play.textContent = 'Play';
    show(now);
  };
  const start = () => {
    if (untouched || now >= end) now = 0;
    untouched = false;
    play.textContent = 'Pause';
    let last = performance.now();
    const tick = moment => {
      const speed = Number(document.querySelector('[name=speed]:checked').value);
      const next = now + Math.max(0, moment - last) * speed;
      last = moment;
      if (next >= end) {
        now = end;
        stop();
      } else {
        playing = requestAnimationFrame(tick);
        show(next);
      }
    };
    playing = requestAnimationFrame(tick);
  };
  play.addEventListener('click', () => (playing ? stop() : start()));
  time.addEventListener('input', () => {
    untouched = false;
    now = Number(time.value);
    if (playing) stop(); else show(now);
  });
  show(now);

  // The strips: one cell for each step, marks at their moment.
  const region = document.querySelector('.strips');
  const cell = (side, at, before) => {
    const frame = frameAt(side, at);
    const item = document.createElement('li');
    const white = before !== null && before.percent === 0 && frame.percent === 0;
    if (before !== null && frame !== before && !white) item.className = 'changed';
    const box = document.createElement('div');
    box.className = 'frame';
    const image = document.createElement('img');
    image.alt = seen(side, frame, at, 1) + (item.className ? ', changed' : '');
    image.src = frame.source;
    box.append(image);
    const line = document.createElement('p');
    const percent = document.createElement('b');
    percent.textContent = frame.percent + '\u00a0%';
    line.append(seconds(at, 1), percent);
    line.setAttribute('aria-hidden', 'true');
    item.append(box, line);
    return [item, frame];
  };
  const flags = (holder, side, step) => {
    const width = region.querySelector('li').getBoundingClientRect().width;
    const rows = [];
    holder.replaceChildren(...side.marks.map(([at, label, meaning]) => {
      const flag = document.createElement('b');
      flag.textContent = `${label} ${seconds(at, 2)}`;
      flag.title = meaning;
      const left = at / step * width;
      let row = rows.findIndex(taken => taken <= left);
      if (row < 0) row = rows.push(0) - 1;
      rows[row] = left + 104;
      flag.style.left = left + 'px';
      flag.style.bottom = row * 1.5 + .35 + 'rem';
      return flag;
    }));
    holder.style.setProperty('--rows', Math.max(1, rows.length));
  };
  const lay = () => {
    const step = Number(document.querySelector('[name=step]:checked').value);
    const strips = region.querySelectorAll('.strip');
    strips.forEach((strip, index) => {
      const items = [];
      let before = null;
      for (let at = 0; at < film.end + step; at += step) {
        const [item, frame] = cell(sides[index], at, before);
        before = frame;
        items.push(item);
      }
      strip.replaceChildren(...items);
    });
    region.querySelectorAll('.flags').forEach((holder, index) => flags(holder, sides[index], step));
  };
  document.querySelectorAll('[name=step]').forEach(choice => choice.addEventListener('change', lay));
  // A turned phone has cells of another width.
  let width = innerWidth;
  addEventListener('resize', () => {
    if (innerWidth !== width) lay();
    width = innerWidth;
  });
  lay();
})();
