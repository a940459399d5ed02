/** The original at any size: wheel, pinch, drag, double click and keys. */
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { originalOf, viewable } from '../lib/library.js';
import { t } from '../lib/text.js';

const MOST = 8; // times the photo's own pixels
const WHEEL = 0.0018;
const STEP = 1.4;
const PAN_PX = 80;

/** Opens the overlay; `onClose` runs once it has closed, however that came about. */
export function openZoom(image, onClose) {
  const picture = h('img', { src: image.offline || !viewable(image) ? image.preview : originalOf(image), alt: image.name, draggable: 'false', width: image.width, height: image.height });
  const instead = [image.preview, image.thumb];
  picture.addEventListener('error', () => instead.length && (picture.src = instead.shift()));
  const control = (name, label, onclick) => h('button', { type: 'button', 'aria-label': label, title: label, onclick }, icon(name));
  const dialog = h('dialog.zoom', { 'aria-label': t('zoom.label') }, picture,
    h('div.controls', {}, control('minus', t('zoom.out'), () => by(1 / STEP)), control('plus', t('zoom.in'), () => by(STEP)),
      control('fit', t('zoom.fit'), () => fit()), control('close', t('app.close'), () => dialog.close())));
  let scale = 1;
  let x = 0;
  let y = 0;
  const pointers = new Map();

  const least = () => Math.min(dialog.clientWidth / image.width, dialog.clientHeight / image.height);
  const draw = () => {
    const [wide, high] = [image.width * scale, image.height * scale];
    const hold = (offset, size, room) => (size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, offset)));
    x = hold(x, wide, dialog.clientWidth);
    y = hold(y, high, dialog.clientHeight);
    picture.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
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

  dialog.addEventListener('wheel', (event) => {
    event.preventDefault();
    by(Math.exp(-event.deltaY * WHEEL), event.clientX, event.clientY);
  }, { passive: false });
  picture.addEventListener('pointerdown', (event) => {
    event.preventDefault();
    picture.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  picture.addEventListener('pointermove', (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
    pointers.set(event.pointerId, now);
    if (!other) return pan(now.x - before.x, now.y - before.y);
    const apart = (point) => Math.hypot(point.x - other.x, point.y - other.y);
    by(apart(now) / Math.max(1, apart(before)), (now.x + other.x) / 2, (now.y + other.y) / 2);
  });
  for (const end of ['pointerup', 'pointercancel']) picture.addEventListener(end, (event) => pointers.delete(event.pointerId));
  picture.addEventListener('dblclick', (event) => (scale > least() * 1.01 ? fit() : by(Math.max(2, 1 / scale), event.clientX, event.clientY)));
  dialog.addEventListener('keydown', (event) => {
    const keys = {
      '+': () => by(STEP), '=': () => by(STEP), '-': () => by(1 / STEP), 0: fit, z: () => dialog.close(),
      ArrowLeft: () => pan(PAN_PX, 0), ArrowRight: () => pan(-PAN_PX, 0), ArrowUp: () => pan(0, PAN_PX), ArrowDown: () => pan(0, -PAN_PX),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  });
  const resized = new ResizeObserver(fit);
  dialog.addEventListener('close', () => {
    resized.disconnect();
    dialog.remove();
    onClose();
  });
  document.body.append(dialog);
  dialog.showModal();
  resized.observe(dialog);
  fit();
  return dialog;
}
