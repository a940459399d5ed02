/** One photo of a grid: a link with its thumbnail, and a mark to select it. */
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { recall } from '../lib/library.js';
import { marked } from '../query/queryset.js';
import { t } from '../lib/text.js';

/** The name of an image, or a stand-in while the page has not learnt it. */
export const nameOf = (id) => recall(id)?.name ?? t('grid.noname', { id });

const AGAIN_MS = 3000; // until the one more try, as after a change of networks

export class Tile {
  /** @param {(id: number) => string} hrefOf  @param {(tile: Tile) => void} decorate adds what a grid shows on top */
  constructor(id, hrefOf, decorate) {
    this.id = id;
    this.picture = h('img', { alt: '', decoding: 'async', draggable: 'false' });
    /** Resolves when there is no more to come: the thumbnail is there, or is not available. */
    this.done = new Promise((resolve) => {
      this.picture.addEventListener('load', () => resolve(this.state('loaded')));
      this.picture.addEventListener('error', () => resolve(this.fail()));
    });
    this.link = h('a', { href: hrefOf(id), tabindex: '-1' }, this.picture);
    this.check = h('button.check', { type: 'button', tabindex: '-1' }, icon('check'));
    this.element = h('div.tile', { role: 'listitem' }, this.link, this.check);
    this.element.dataset.id = id;
    this.decorate = decorate;
    this.remark();
  }

  place(x, y, width, height) {
    const { style } = this.element;
    style.transform = `translate(${x}px, ${y}px)`;
    style.width = `${width}px`;
    style.height = `${height}px`;
  }

  /** Shows the thumbnail and the name, once the image is known. */
  fill() {
    const image = recall(this.id);
    if (!image) return;
    this.check.setAttribute('aria-label', t('grid.select', { name: image.name }));
    this.link.setAttribute('aria-label', image.name);
    this.link.title = image.name;
    if (this.picture.getAttribute('src') !== image.thumb) this.picture.src = image.thumb;
    this.decorate?.(this, image);
  }

  /** Shows whether the photo is in the query set, and how. */
  remark() {
    const mark = marked(this.id);
    this.element.classList.toggle('more', mark === 'more');
    this.element.classList.toggle('less', mark === 'less');
    this.check.setAttribute('aria-pressed', String(Boolean(mark)));
    this.check.replaceChildren(icon(mark === 'less' ? 'minus' : 'check'));
  }

  fail() {
    this.state('failed');
    this.again ??= setTimeout(() => this.retry(), AGAIN_MS);
    if (!this.note) {
      this.note = h('span.failed', { title: t('grid.failed') }, icon('broken'), h('bdi', {}, nameOf(this.id)));
      this.link.append(this.note);
    }
  }

  /** Asks again for a thumbnail that could not be loaded. */
  retry() {
    if (!this.note) return;
    this.note.remove();
    this.note = null;
    this.state('');
    this.picture.removeAttribute('src');
    this.fill();
  }

  /** Drops the tile; a thumbnail still under way is not waited for. */
  remove() {
    if (!this.picture.complete) this.picture.removeAttribute('src');
    this.element.remove();
  }

  state(name) {
    this.element.classList.toggle('loaded', name === 'loaded');
    this.element.classList.toggle('broken', name === 'failed');
  }
}
