/** A box dragged on a photo: pointer, touch, handles and keyboard. All in fractions of the photo. */
import { h } from '../lib/dom.js';
import { percent, t } from '../lib/text.js';

const CLICK_PX = 6; // a shorter drag is a click
const STEP = 0.02;
const HANDLES = ['nw', 'n', 'ne', 'e', 'se', 's', 'sw', 'w'];

export class Region {
  /** @param {HTMLElement} frame exactly covers the photo  @param {{least: () => {w, h}, onChange: (box) => void,
   *   onClick: () => void}} options `onChange` gets null when the box is removed */
  constructor(frame, { least, onChange, onClick }) {
    Object.assign(this, { frame, least, onChange, onClick });
    this.box = null;
    this.armed = false; // on touch, a drag draws only after the region button
    this.handles = HANDLES.map((name) => h(`span.handle.${name}`, { 'data-handle': name }));
    this.element = h('div.region', { tabindex: '0', role: 'group', hidden: true }, this.handles);
    frame.append(this.element);
    frame.addEventListener('pointerdown', (event) => this.down(event));
    frame.addEventListener('pointermove', (event) => this.move(event));
    frame.addEventListener('pointerup', (event) => this.up(event));
    // The second of a double click may be the first here: the one before it opened this photo.
    frame.addEventListener('click', ({ detail }) => this.clicked && detail < 2 && this.onClick());
    frame.addEventListener('pointercancel', () => this.cancel());
    this.element.addEventListener('keydown', (event) => this.key(event));
  }

  /** Shows this box, or none, without reporting a change. */
  set(box) {
    this.box = box;
    this.element.hidden = !box;
    this.frame.classList.toggle('boxed', Boolean(box));
    if (!box) return;
    const { style } = this.element;
    for (const [key, value] of [['left', box.x], ['top', box.y], ['width', box.w], ['height', box.h]]) style[key] = `${value * 100}%`;
    this.element.setAttribute('aria-label', t('photo.region.label', {
      w: percent(box.w), h: percent(box.h), x: percent(box.x), y: percent(box.y),
    }));
  }

  /** Lets a finger draw, and puts a first box there for the keyboard. */
  arm() {
    this.armed = true;
    this.frame.classList.add('armed');
    if (!this.box) {
      this.set({ x: 0.25, y: 0.25, w: 0.5, h: 0.5 });
      this.onChange(this.box);
    }
    this.element.focus({ preventScroll: true });
  }

  clear() {
    this.armed = false;
    this.frame.classList.remove('armed');
    if (!this.box) return;
    this.set(null);
    this.onChange(null);
  }

  at(event) {
    const frame = this.frame.getBoundingClientRect();
    const within = (value) => Math.min(1, Math.max(0, value));
    return { x: within((event.clientX - frame.left) / frame.width), y: within((event.clientY - frame.top) / frame.height) };
  }

  down(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    const onBox = this.element.contains(event.target);
    if (event.pointerType !== 'mouse' && !this.armed && !onBox) return;
    if (event.target.closest('button, a')) return;
    event.preventDefault();
    this.frame.setPointerCapture(event.pointerId);
    this.drag = { from: this.at(event), x: event.clientX, y: event.clientY, box: this.box, handle: event.target.dataset.handle ?? (onBox ? 'move' : 'new'), moved: false };
  }

  move(event) {
    if (!this.drag) return;
    if (!this.drag.moved && Math.hypot(event.clientX - this.drag.x, event.clientY - this.drag.y) < CLICK_PX) return;
    this.drag.moved = true;
    const { from, box, handle } = this.drag;
    const to = this.at(event);
    if (handle === 'new') this.set(between(from, to));
    else if (handle === 'move') this.set(moved(box, to.x - from.x, to.y - from.y));
    else this.set(this.resized(box, handle, to));
  }

  up(event) {
    const { drag } = this;
    this.drag = null;
    if (!drag) return;
    this.clicked = !drag.moved && drag.handle === 'new' && event.pointerType === 'mouse';
    if (!drag.moved) return;
    this.set(this.grown(this.box));
    this.onChange(this.box);
  }

  cancel() {
    if (this.drag) this.set(this.drag.box);
    this.drag = null;
  }

  key(event) {
    const arrows = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    if (event.key === 'Escape' || event.key === 'Delete' || event.key === 'Backspace') this.clear();
    else if (arrows[event.key]) {
      const [x, y] = arrows[event.key];
      const { box } = this;
      this.set(event.shiftKey
        ? this.grown({ ...box, w: Math.min(1 - box.x, box.w + x), h: Math.min(1 - box.y, box.h + y) })
        : moved(box, x, y));
      this.onChange(this.box);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** The box with one side or corner where the pointer is, but never too small to be held. */
  resized(box, handle, to) {
    const least = this.least();
    let { x, y } = box;
    let [right, bottom] = [x + box.w, y + box.h];
    if (handle.includes('w')) x = Math.max(0, Math.min(to.x, right - least.w));
    if (handle.includes('e')) right = Math.min(1, Math.max(to.x, x + least.w));
    if (handle.includes('n')) y = Math.max(0, Math.min(to.y, bottom - least.h));
    if (handle.includes('s')) bottom = Math.min(1, Math.max(to.y, y + least.h));
    return this.grown(between({ x, y }, { x: right, y: bottom }));
  }

  /** The box, enlarged to the least size that is searched for and can be held, inside the photo. */
  grown({ x, y, w, h: height }) {
    const least = this.least();
    const wide = Math.min(1, Math.max(w, least.w));
    const high = Math.min(1, Math.max(height, least.h));
    return { x: Math.min(x, 1 - wide), y: Math.min(y, 1 - high), w: wide, h: high };
  }
}

const between = (a, b) => ({ x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), w: Math.abs(a.x - b.x), h: Math.abs(a.y - b.y) });

const moved = (box, x, y) => ({ ...box, x: Math.min(1 - box.w, Math.max(0, box.x + x)), y: Math.min(1 - box.h, Math.max(0, box.y + y)) });

/** A box as the API and the URL write it: x,y,w,h. */
export const writeBox = ({ x, y, w, h: height }) => [x, y, Math.min(w, 1 - x), Math.min(height, 1 - y)].map((value) => Math.floor(value * 1e4) / 1e4).join(',');

/** The box that a URL names, or null. */
export function readBox(text) {
  const [x, y, w, height] = (text ?? '').split(',').map(Number);
  return w > 0 && height > 0 ? { x, y, w, h: height } : null;
}
