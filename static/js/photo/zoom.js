/** A photo at any size: wheel, pinch, drag, double tap and keys. The preview first, the original once it is needed. */
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { originalOf, viewable } from '../lib/library.js';
import { t } from '../lib/text.js';

const MOST = 8; // times the photo's own pixels
const WHEEL = 0.0018;
const STEP = 1.4;
const PAN_PX = 80;
const TAP_PX = 10;
const TWICE_MS = 320; // longest time between two taps that belong together
const FLICK_PX = 60;
const FITTED = 1.02; // up to this many times the fitted size a drag turns the page

/** Opens the overlay; `onClose` runs once it has closed, however that came about.
 *
 * @param {{onClose: () => void, onTurn: (step: number) => void, at?: {x, y, factor}}} options `at`: where a finger tapped
 *   or two pinched it open */
export function openZoom(image, { onClose, onTurn, at }) {
  const picture = h('img', { src: image.preview, alt: image.name, draggable: 'false', width: image.width, height: image.height });
  const instead = [image.thumb];
  picture.addEventListener('error', () => instead.length && (picture.src = instead.shift()));
  const control = (name, label, onclick) => h('button', { type: 'button', 'aria-label': label, title: label, onclick }, icon(name));
  const dialog = h('dialog.zoom', { 'aria-label': t('zoom.label') }, picture,
    h('div.controls', {}, control('minus', t('zoom.out'), () => by(1 / STEP)), control('plus', t('zoom.in'), () => by(STEP)),
      control('fit', t('zoom.fit'), () => fit()), control('close', t('app.close'), () => dialog.close())));
  let scale = 1;
  let x = 0;
  let y = 0;
  let drag = null; // of one finger since it came down: {dx, dy, moved}
  let tapped = at?.factor === 1 ? at : null; // the tap that opened it may be the first of two
  const pointers = new Map();

  const least = () => Math.min(dialog.clientWidth / image.width, dialog.clientHeight / image.height);
  const fitted = () => scale <= least() * FITTED;
  const draw = () => {
    const [wide, high] = [image.width * scale, image.height * scale];
    const hold = (offset, size, room) => (size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, offset)));
    x = hold(x, wide, dialog.clientWidth);
    y = hold(y, high, dialog.clientHeight);
    picture.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    if (!fitted()) sharpen();
  };
  /** Loads the original, which takes the preview's place once it is there. */
  let sharpening = image.offline || !viewable(image);
  const sharpen = () => {
    if (sharpening) return;
    sharpening = true;
    const original = new Image();
    original.onload = () => (picture.src = original.src);
    original.src = originalOf(image);
  };
  const fit = () => {
    scale = least();
    draw();
  };
  /** Zooms so that the point under (atX, atY) stays there. */
  const by = (factor, atX = dialog.clientWidth / 2, atY = dialog.clientHeight / 2) => {
    const to = Math.max(least(), Math.min(MOST, scale * factor));
    x = atX - ((atX - x) * to) / scale;
    y = atY - ((atY - y) * to) / scale;
    scale = to;
    draw();
  };
  const pan = (dx, dy) => {
    x += dx;
    y += dy;
    draw();
  };
  const toggle = (point) => (fitted() ? by(Math.max(2.5, 1 / scale), point.x, point.y) : fit());

  /** One finger or the mouse has let go: a tap, or a flick at the fitted size. */
  const released = (point) => {
    const { dx, dy, moved } = drag;
    drag = null;
    picture.style.translate = '';
    if (moved && fitted()) {
      if (Math.abs(dx) > FLICK_PX && Math.abs(dx) > 2 * Math.abs(dy)) onTurn(dx < 0 ? 1 : -1);
      else if (dy > FLICK_PX && dy > 2 * Math.abs(dx)) dialog.close();
    }
    if (moved) return (tapped = null);
    const twice = tapped && point.time - tapped.time < TWICE_MS && Math.hypot(point.x - tapped.x, point.y - tapped.y) < 4 * TAP_PX;
    tapped = twice ? null : point;
    if (twice) toggle(point);
  };

  dialog.addEventListener('wheel', (event) => {
    event.preventDefault();
    by(Math.exp(-event.deltaY * WHEEL), event.clientX, event.clientY);
  }, { passive: false });
  dialog.addEventListener('pointerdown', (event) => {
    if (event.target.closest('button')) return;
    event.preventDefault();
    dialog.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    drag = pointers.size === 1 ? { dx: 0, dy: 0, moved: false } : null;
  });
  dialog.addEventListener('pointermove', (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, now);
    if (other) {
      const apart = (point) => Math.hypot(point.x - other.x, point.y - other.y);
      return by(apart(now) / Math.max(1, apart(before)), (now.x + other.x) / 2, (now.y + other.y) / 2);
    }
    if (!drag) return pan(now.x - before.x, now.y - before.y);
    drag.dx += now.x - before.x;
    drag.dy += now.y - before.y;
    drag.moved ||= Math.hypot(drag.dx, drag.dy) > TAP_PX;
    if (fitted()) picture.style.translate = `${drag.dx}px ${Math.max(0, drag.dy)}px`;
    else pan(now.x - before.x, now.y - before.y);
  });
  dialog.addEventListener('pointerup', (event) => {
    if (pointers.delete(event.pointerId) && drag) released({ x: event.clientX, y: event.clientY, time: event.timeStamp });
  });
  dialog.addEventListener('pointercancel', (event) => {
    pointers.delete(event.pointerId);
    drag = null;
    picture.style.translate = '';
  });
  dialog.addEventListener('keydown', (event) => {
    const keys = {
      '+': () => by(STEP), '=': () => by(STEP), '-': () => by(1 / STEP), 0: fit, z: () => dialog.close(),
      ArrowLeft: () => (fitted() ? onTurn(-1) : pan(PAN_PX, 0)), ArrowRight: () => (fitted() ? onTurn(1) : pan(-PAN_PX, 0)),
      ArrowUp: () => pan(0, PAN_PX), ArrowDown: () => pan(0, -PAN_PX),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  });
  let known = false;
  const resized = new ResizeObserver(() => {
    if (known) fit();
    known = true; // the first call tells the size it has been opened with
  });
  dialog.addEventListener('close', () => {
    resized.disconnect();
    dialog.remove();
    onClose();
  });
  document.body.append(dialog);
  dialog.showModal();
  fit();
  if (at?.factor > 1) by(at.factor, at.x, at.y);
  resized.observe(dialog);
  return dialog;
}
