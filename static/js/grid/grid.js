/** A justified grid of any number of photos that keeps only those near the window in the page. */
import { h } from '../lib/dom.js';
import { attachHover, attachKeys, attachSelection } from './gridinput.js';
import { justify, lastAtMost, placeRow } from './layout.js';
import { learn } from '../lib/library.js';
import { queryset } from '../query/queryset.js';
import { server } from '../lib/server.js';
import { t } from '../lib/text.js';
import { Tile } from './tile.js';

const OVERSCAN = 0.5; // of a window's height, above and below
const FAST = 3; // windows a second; while scrolling faster than this nothing is fetched
const SETTLE_MS = 90;
const EMPTY = { ids: new Int32Array(), ratios: new Uint16Array(), groups: [], total: 0 };

export class Grid {
  /** @param {{hrefOf: (id: number) => string, target: (width: number) => number, label?: string,
   *   decorate?: (tile: Tile, image: object) => void, heading?: number, onArrange?: () => void, onRender?: () => void}} options */
  constructor({ hrefOf, target, label = t('grid.label'), decorate, heading = 0, onArrange, onRender }) {
    Object.assign(this, { hrefOf, target, decorate, onArrange, onRender });
    this.headingHeight = heading; // of groups that have a label
    this.element = h('div.grid', { role: 'list', 'aria-label': label });
    this.tiles = new Map(); // id → Tile
    this.headings = new Map(); // group → element
    this.listing = EMPTY;
    this.focused = 0; // index of the one tile in the tab order
    this.width = 0;
    this.lastScroll = { y: 0, at: 0 };
    this.until = new AbortController();
    const { signal } = this.until;
    addEventListener('scroll', () => this.schedule(), { passive: true, signal });
    queryset.addEventListener('change', () => this.each((tile) => tile.remark()), { signal });
    server.addEventListener('back', () => this.each((tile) => tile.retry()), { signal });
    this.resizes = new ResizeObserver(() => this.resize());
    this.resizes.observe(this.element);
    attachKeys(this);
    attachSelection(this);
    attachHover(this);
  }

  destroy() {
    this.until.abort();
    this.resizes.disconnect();
    clearTimeout(this.settle);
    cancelAnimationFrame(this.frame);
  }

  /** Shows this listing; the photo at the top of the window stays where it is. */
  show(listing) {
    const anchor = this.anchor();
    this.listing = listing;
    this.indexes = null;
    this.focused = Math.min(this.focused, Math.max(0, listing.ids.length - 1));
    this.clearHeadings();
    if (this.width) this.arrange(anchor);
  }

  /** Index of an image in the listing, or −1. */
  indexOf(id) {
    if (!this.indexes) this.indexes = new Map(Array.from(this.listing.ids, (each, index) => [each, index]));
    return this.indexes.get(id) ?? -1;
  }

  /** The photo at the top of the window and how far its row has scrolled past it. */
  anchor() {
    const offset = scrollY - this.top();
    if (!this.layout?.rows || offset <= 0) return null;
    const row = lastAtMost(this.layout.tops, this.layout.rows, offset);
    return { id: this.listing.ids[this.layout.starts[row]], past: offset - this.layout.tops[row] };
  }

  /** Scrolls to where `anchor` was taken, or as near as the listing still allows. */
  restore(anchor) {
    const index = anchor && this.layout ? this.indexOf(anchor.id) : -1;
    if (index >= 0) scrollTo(0, this.top() + this.layout.tops[this.rowOf(index)] + anchor.past);
    this.render();
  }

  rowOf(index) {
    return lastAtMost(this.layout.starts, this.layout.rows, index);
  }

  /** Puts the keyboard on photo `index`, scrolling it into view. */
  focus(index) {
    this.focused = index;
    const row = this.rowOf(index);
    const top = this.top() + this.layout.tops[row];
    const bottom = top + this.layout.heights[row];
    const header = this.obscured() + this.heading;
    if (top < scrollY + header) scrollTo(0, top - header);
    else if (bottom > scrollY + innerHeight) scrollTo(0, bottom - innerHeight + 8);
    this.render();
    this.tiles.get(this.listing.ids[index])?.link.focus({ preventScroll: true });
  }

  /** Id of the photo that has the keyboard, if one has. */
  focusedId() {
    return this.element.contains(document.activeElement) ? this.listing.ids[this.focused] : null;
  }

  /** Gives the keyboard back to a photo, if it is in the window. */
  refocus(id) {
    this.tiles.get(id)?.link.focus({ preventScroll: true });
  }

  top() {
    return this.element.getBoundingClientRect().top + scrollY;
  }

  /** Height of the page's sticky header, under which nothing can be seen. */
  obscured() {
    return parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0;
  }

  /** Resolves once the photos in the page have their thumbnails, or after `most_ms`. */
  settled(most_ms) {
    const pictures = [...this.tiles.values()].map((tile) => tile.done);
    return Promise.race([Promise.all(pictures), new Promise((resolve) => setTimeout(resolve, most_ms))]);
  }

  each(f) {
    for (const tile of this.tiles.values()) f(tile);
  }

  resize() {
    const width = this.element.clientWidth;
    if (!width || width === this.width) return;
    const anchor = this.anchor();
    this.width = width;
    this.arrange(anchor);
  }

  arrange(anchor) {
    const { ratios, groups } = this.listing;
    this.gap = this.width < 600 ? 3 : 6;
    this.heading = groups.some((group) => group.label) ? this.headingHeight : 0;
    this.layout = justify(ratios, groups, { width: this.width, gap: this.gap, target: this.target(this.width), heading: this.heading });
    this.element.style.height = `${this.layout.height}px`;
    if (anchor) this.restore(anchor);
    else this.render();
    this.onArrange?.();
  }

  schedule() {
    if (!this.frame) this.frame = requestAnimationFrame(() => this.render());
  }

  /** Brings the tiles in the page in line with the window. */
  render() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (!this.layout) return;
    const { rows, tops, starts, heights } = this.layout;
    const top = scrollY - this.top();
    const over = innerHeight * OVERSCAN;
    const wanted = new Set();
    if (rows && top + innerHeight + over > 0 && top - over < this.layout.height) {
      const first = lastAtMost(tops, rows, top - over);
      const last = lastAtMost(tops, rows, top + innerHeight + over);
      for (let row = first; row <= last; row += 1) {
        for (const { index, left, width } of placeRow(this.listing.ratios, this.layout, row, this)) {
          const id = this.listing.ids[index];
          wanted.add(id);
          this.tileOf(id, index).place(left, tops[row], width, heights[row]);
        }
      }
      const visible = lastAtMost(tops, rows, Math.max(0, top + this.obscured() + this.heading));
      if (!wanted.has(this.listing.ids[this.focused])) this.focused = starts[visible];
    }
    for (const [id, tile] of this.tiles) {
      if (wanted.has(id)) continue;
      tile.remove();
      this.tiles.delete(id);
    }
    const current = this.listing.ids[this.focused];
    this.each((tile) => (tile.link.tabIndex = tile.id === current ? 0 : -1));
    this.renderHeadings(top - over, top + innerHeight + over);
    this.fetch();
    this.onRender?.();
  }

  tileOf(id, index) {
    let tile = this.tiles.get(id);
    if (!tile) {
      tile = new Tile(id, this.hrefOf, this.decorate);
      this.tiles.set(id, tile);
      this.element.append(tile.element);
    }
    tile.element.setAttribute('aria-posinset', (this.listing.offset ?? 0) + index + 1);
    tile.element.setAttribute('aria-setsize', this.listing.total);
    return tile;
  }

  renderHeadings(from, to) {
    if (!this.heading || !this.layout.rows) return;
    const { groupTops, height } = this.layout;
    const { groups } = this.listing;
    const first = lastAtMost(groupTops, groups.length, from);
    const wanted = new Set();
    for (let g = first; g < groups.length && groupTops[g] <= to; g += 1) {
      if (!groups[g].label) continue;
      wanted.add(g);
      if (!this.headings.has(g)) {
        const heading = h('div.group', { role: 'presentation' }, h('bdi', {}, groups[g].label));
        this.headings.set(g, heading);
        this.element.append(heading);
      }
      const { style } = this.headings.get(g);
      style.top = `${groupTops[g]}px`;
      style.height = `${(groupTops[g + 1] ?? height) - groupTops[g]}px`;
    }
    for (const [g, heading] of this.headings) {
      if (wanted.has(g)) continue;
      heading.remove();
      this.headings.delete(g);
    }
  }

  clearHeadings() {
    for (const heading of this.headings.values()) heading.remove();
    this.headings.clear();
  }

  /** Fetches names and thumbnails of what is shown, unless it is rushing past. */
  fetch() {
    const now = performance.now();
    const speed = (Math.abs(scrollY - this.lastScroll.y) / innerHeight / Math.max(1, now - this.lastScroll.at)) * 1000;
    this.lastScroll = { y: scrollY, at: now };
    clearTimeout(this.settle);
    if (speed > FAST) this.settle = setTimeout(() => this.fetchNow(), SETTLE_MS);
    else this.fetchNow();
  }

  async fetchNow() {
    this.each((tile) => tile.fill());
    try {
      await learn([...this.tiles.keys()]);
    } catch {
      return; // the server is away; its return calls `retry`
    }
    this.each((tile) => tile.fill());
  }
}
