/** A strip at the window's edge: years as marks, a drag jumps through the dates. */
import { h } from '../lib/dom.js';
import { lastAtMost } from './layout.js';
import { t } from '../lib/text.js';

const LABEL_PX = 26; // least room between two years
const SHOWN_MS = 1200;
// A shorter gallery needs no scrubber.
const WORTH_SCREENS = 2;
const WORTH_PHOTOS = 500;

export class Scrubber {
  /** @param {(useful: boolean) => void} onUse told whether the strip is on show */
  constructor(grid, onUse) {
    this.grid = grid;
    this.onUse = onUse;
    this.groups = [];
    this.bubble = h('span.bubble', { 'aria-hidden': 'true' });
    this.thumb = h('span.thumb', { 'aria-hidden': 'true' }, this.bubble);
    this.marks = h('span.years', { 'aria-hidden': 'true' });
    this.element = h('div.scrubber', {
      role: 'slider', tabindex: '0', 'aria-label': t('scrubber.label'), 'aria-orientation': 'vertical', hidden: true,
    }, this.marks, this.thumb);
    this.element.addEventListener('pointerdown', (event) => this.grab(event));
    this.element.addEventListener('pointermove', (event) => this.dragging && this.drag(event));
    for (const end of ['pointerup', 'pointercancel']) this.element.addEventListener(end, () => this.release());
    this.element.addEventListener('keydown', (event) => this.key(event));
  }

  destroy() {
    clearTimeout(this.fading);
  }

  /** Stands for these groups of so many photos, if they are worth a strip. */
  show(groups, total) {
    this.groups = groups;
    const long = total > WORTH_PHOTOS || (groups.length > 1 && this.grid.layout.height > WORTH_SCREENS * innerHeight);
    const useful = groups.length > 0 && long;
    if (this.element.hidden === useful) {
      this.element.hidden = !useful;
      this.onUse(useful);
    }
    this.draw();
  }

  /** Range of scroll positions that the strip stands for. */
  range() {
    return Math.max(1, document.documentElement.scrollHeight - innerHeight);
  }

  topOf(group) {
    return this.grid.top() + this.grid.layout.groupTops[group] - this.grid.obscured();
  }

  draw() {
    if (this.element.hidden) return;
    const height = this.element.clientHeight;
    const marks = [];
    let free = -Infinity;
    this.groups.forEach((group, index) => {
      if (!group.year || group.year === this.groups[index - 1]?.year) return;
      const y = Math.min(1, this.topOf(index) / this.range()) * height;
      if (y < free || y > height - LABEL_PX / 2) return;
      free = y + LABEL_PX;
      const mark = h('span', {}, group.year);
      mark.style.top = `${y}px`;
      marks.push(mark);
    });
    this.marks.replaceChildren(...marks);
    this.element.setAttribute('aria-valuemin', 1);
    this.element.setAttribute('aria-valuemax', this.groups.length);
    this.follow();
  }

  /** Moves the handle to where the page is scrolled. */
  follow() {
    if (this.element.hidden) return;
    const at = this.current();
    this.thumb.style.transform = `translateY(${Math.min(1, scrollY / this.range()) * this.element.clientHeight}px)`;
    this.bubble.textContent = this.groups[at].label;
    this.element.setAttribute('aria-valuenow', at + 1);
    this.element.setAttribute('aria-valuetext', this.groups[at].label);
    if (scrollY !== this.scrolledTo) this.wake();
  }

  /** Shows the handle for a while, as scrolling does. */
  wake() {
    const first = this.scrolledTo === undefined;
    this.scrolledTo = scrollY;
    if (first) return;
    this.element.classList.add('active');
    clearTimeout(this.fading);
    this.fading = setTimeout(() => this.element.classList.remove('active'), SHOWN_MS);
  }

  /** The group on show: at the top of the window at first, at its foot when scrolled to the end. */
  current() {
    const line = scrollY + (scrollY / this.range()) * innerHeight + 1;
    return lastAtMost(this.grid.layout.groupTops, this.groups.length, line - this.topOf(0));
  }

  grab(event) {
    this.dragging = true;
    this.element.setPointerCapture(event.pointerId);
    this.element.classList.add('dragging');
    this.drag(event);
  }

  drag(event) {
    const { top, height } = this.element.getBoundingClientRect();
    scrollTo(0, Math.min(1, Math.max(0, (event.clientY - top) / height)) * this.range());
  }

  release() {
    this.dragging = false;
    this.element.classList.remove('dragging');
  }

  key(event) {
    const steps = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1, PageDown: 12, PageUp: -12, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    event.preventDefault();
    event.stopPropagation();
    const to = Math.min(this.groups.length - 1, Math.max(0, this.current() + steps[event.key]));
    scrollTo(0, to ? this.topOf(to) : 0);
  }
}
