/** Fingers on a photo: a flick turns, a pull down closes, a pinch or a tap zooms. Everything else scrolls the page.
 *
 * Touch events, because only they can take a gesture from the browser once it is known what it is. */
import { h } from '../lib/dom.js';

const SURE_PX = 4; // before that no direction is told from another
const TURN_PX = 60;
const CLOSE_PX = 90;
const PINCHED = 1.08;
const GLIDE_MS = 180;
const TWICE_MS = 320; // longest time between two taps that belong together

// What ended last, anywhere: of a double tap on a tile, the second is on the photo that it opened.
// The first tap of all may have ended before this was loaded.
let [before, last] = [{}, { timeStamp: performance.now() }];
addEventListener('touchend', ({ target, timeStamp }) => ([before, last] = [last, { target, timeStamp }]), { capture: true, passive: true });

const still = matchMedia('(prefers-reduced-motion: reduce)');

/** @param {HTMLElement} stage  @param {HTMLElement} frame in it
 * @param {{free: () => boolean, thumbOf: (step: number) => string | undefined, onTurn: (step: number) => void,
 *   onClose: () => void, onZoom: (at: {x, y, factor, time}) => void}} does `free` is false while a finger draws a region */
export function attachFingers(stage, frame, { free, thumbOf, onTurn, onClose, onZoom }) {
  let from = null;
  let kind = null; // 'turn' | 'close' | 'pinch'
  let beside = [];

  const move = (x, y) => {
    stage.style.setProperty('--x', `${x}px`);
    stage.style.setProperty('--y', `${y}px`);
  };
  const rest = () => {
    move(0, 0);
    frame.style.scale = '';
    for (const each of beside) each.remove();
    beside = [];
    stage.classList.remove('gliding');
  };
  /** Lets the photo glide to where it goes, then does `then`. */
  const glide = (x, y, then) => {
    stage.classList.add('gliding');
    move(x, y);
    setTimeout(() => {
      if (stage.isConnected) then?.(); // the reader may have left meanwhile
      rest();
    }, still.matches ? 0 : GLIDE_MS);
  };
  const middle = ([a, b]) => ({ x: (a.clientX + b.clientX) / 2, y: (a.clientY + b.clientY) / 2 });
  const apart = ([a, b]) => Math.max(1, Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY));

  /** Lays the neighbours on both sides, where the finger brings them in. */
  const layBeside = () => {
    beside = [-1, 1].filter(thumbOf).map((step) => h(`div.beside.${step < 0 ? 'before' : 'after'}`, {}, h('img', { src: thumbOf(step), alt: '' })));
    stage.append(...beside);
  };

  stage.addEventListener('touchstart', (event) => {
    if (!free()) return;
    const { touches } = event;
    if (touches.length === 2) {
      kind = 'pinch';
      from = { apart: apart(touches), ...middle(touches), factor: 1 };
      const box = frame.getBoundingClientRect();
      frame.style.transformOrigin = `${from.x - box.left}px ${from.y - box.top}px`;
    } else if (touches.length === 1) {
      kind = null;
      from = { x: touches[0].clientX, y: touches[0].clientY };
    }
  }, { passive: true });

  stage.addEventListener('touchmove', (event) => {
    if (!from) return;
    const { touches } = event;
    if (kind === 'pinch') {
      event.preventDefault();
      if (touches.length < 2) return;
      from.factor = apart(touches) / from.apart;
      frame.style.scale = Math.max(1, from.factor);
      return;
    }
    const [x, y] = [touches[0].clientX - from.x, touches[0].clientY - from.y];
    if (!kind) {
      if (Math.hypot(x, y) < SURE_PX) return;
      if (Math.abs(x) > Math.abs(y)) kind = 'turn';
      else if (y > 0 && scrollY <= 0) kind = 'close';
      else return (from = null);
      if (kind === 'turn') layBeside();
    }
    event.preventDefault();
    Object.assign(from, { dx: x, dy: y });
    if (kind === 'turn') move(thumbOf(x < 0 ? 1 : -1) ? x : x / 4, 0);
    else move(x / 2, Math.max(0, y));
  }, { passive: false });

  stage.addEventListener('touchend', (event) => {
    if (!from || event.touches.length) return;
    const { x, y, dx = 0, dy = 0, factor } = from;
    const did = kind;
    from = kind = null;
    const step = dx < 0 ? 1 : -1;
    if (did === 'pinch') {
      rest();
      if (factor > PINCHED) onZoom({ x, y, factor });
    } else if (did === 'turn' && Math.abs(dx) > TURN_PX && thumbOf(step)) {
      glide(-step * stage.clientWidth, 0, () => onTurn(step));
    } else if (did === 'close' && dy > CLOSE_PX) {
      glide(0, innerHeight / 2, onClose);
    } else if (did) {
      glide(0, 0);
    } else if (frame.contains(event.target)) {
      event.preventDefault(); // the click that would follow is for mice
      if (event.timeStamp - before.timeStamp < TWICE_MS && !stage.contains(before.target)) return;
      onZoom({ x, y, factor: 1, time: event.timeStamp });
    }
  });
  stage.addEventListener('touchcancel', () => {
    from = kind = null;
    rest();
  });
}
