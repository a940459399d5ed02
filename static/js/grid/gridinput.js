/** Hands on a grid: arrow keys, hovering, and selecting by mark, Shift-click, Ctrl-click, long press and key. */
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { toast } from '../lib/pieces.js';
import { mark, marked, mostInQuery } from '../query/queryset.js';
import { t } from '../lib/text.js';

const LONG_PRESS_MS = 450;
const STILL_PX = 10;

/** One photo of the grid is in the tab order; the arrows move which. */
export function attachKeys(grid) {
  const move = {
    ArrowRight: () => grid.focused + 1,
    ArrowLeft: () => grid.focused - 1,
    ArrowDown: () => beside(1),
    ArrowUp: () => beside(-1),
    Home: () => 0,
    End: () => grid.listing.ids.length - 1,
  };

  /** The photo in the next or previous row that lies most nearly above or below the focused one. */
  const beside = (step) => {
    const { starts, rows } = grid.layout;
    const row = grid.rowOf(grid.focused);
    const other = row + step;
    if (other < 0 || other >= rows) return grid.focused;
    const along = (grid.focused - starts[row] + 0.5) / (starts[row + 1] - starts[row]);
    return starts[other] + Math.floor(along * (starts[other + 1] - starts[other]));
  };

  grid.element.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const id = grid.listing.ids[grid.focused];
    if (move[event.key]) {
      const to = Math.min(grid.listing.ids.length - 1, Math.max(0, move[event.key]()));
      if (event.shiftKey) grid.selectTo(to);
      grid.focus(to);
    } else if (event.key === 'x' || event.key === ' ') {
      grid.toggle(id);
    } else if (event.key === '-') {
      mark([id], marked(id) === 'less' ? 'more' : 'less');
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  });

  grid.element.addEventListener('focusin', (event) => {
    const tile = event.target.closest('.tile');
    if (tile) grid.focused = grid.indexOf(Number(tile.dataset.id));
  });
}

/** Gives the grid `toggle(id)` and `selectTo(index)`, and the pointer the ways to them. */
export function attachSelection(grid) {
  let last = -1; // index of the photo selected last: where a range begins
  let pressed = null;
  let held = false;

  const select = (ids, as) => mark(ids, as) || toast(t('set.full', { n: mostInQuery() }));

  grid.toggle = (id) => {
    select([id], marked(id) ? null : 'more');
    last = grid.indexOf(id);
  };

  grid.selectTo = (index) => {
    const from = last < 0 ? grid.focused : last;
    const [start, end] = from < index ? [from, index] : [index, from];
    const ids = [...grid.listing.ids.slice(start, end + 1)];
    select(ids.filter((id) => !marked(id)), 'more');
    last = index;
  };

  grid.element.addEventListener('click', (event) => {
    const tile = event.target.closest('.tile');
    if (!tile) return;
    const id = Number(tile.dataset.id);
    const tapping = grid.tapSelects && matchMedia('(hover: none)').matches;
    if (held) held = false;
    else if (event.shiftKey) grid.selectTo(grid.indexOf(id));
    else if (event.target.closest('.check') || event.ctrlKey || event.metaKey || tapping) grid.toggle(id);
    else return;
    event.preventDefault();
  });

  grid.element.addEventListener('pointerdown', (event) => {
    const tile = event.target.closest('.tile');
    held = false;
    if (!tile || event.pointerType === 'mouse') return;
    const { clientX, clientY } = event;
    pressed = { clientX, clientY, timer: setTimeout(() => hold(Number(tile.dataset.id)), LONG_PRESS_MS) };
  });

  const hold = (id) => {
    held = true;
    pressed = null;
    grid.toggle(id);
    navigator.vibrate?.(12);
  };
  const release = () => {
    clearTimeout(pressed?.timer);
    pressed = null;
  };
  grid.element.addEventListener('pointermove', (event) => {
    if (pressed && Math.hypot(event.clientX - pressed.clientX, event.clientY - pressed.clientY) > STILL_PX) release();
  });
  grid.element.addEventListener('pointerup', release);
  grid.element.addEventListener('pointercancel', release);
  // A long press is ours; the browser's own menu on the link would cover it.
  grid.element.addEventListener('contextmenu', (event) => {
    if (held || pressed) event.preventDefault();
  });
}

/** A mouse over a photo is told what a click does; one label serves all tiles. */
export function attachHover(grid) {
  const label = h('span.similar', { 'aria-hidden': 'true' }, icon('similar'), t('set.search'));
  grid.element.addEventListener('pointerover', (event) => {
    const link = event.pointerType === 'mouse' && event.target.closest('.tile')?.querySelector('a');
    if (link && label.parentNode !== link) link.append(label);
  });
  grid.element.addEventListener('pointerleave', () => label.remove());
}
