/** Selecting photos of a grid: the round mark, Shift-click, Ctrl-click and a long press. */
import { chosen, LIMIT, mark, marked } from './queryset.js';
import { t } from './text.js';
import { toast } from './toast.js';

const LONG_PRESS_MS = 450;
const STILL_PX = 10;

export function attachSelection(grid) {
  let last = -1; // index of the photo selected last: where a range begins
  let pressed = null;
  let held = false;

  const select = (ids, as) => mark(ids, as) || toast(t('set.full', { n: LIMIT }));

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
    // Once something is selected on a touch screen, taps go on selecting, as in a phone's own gallery.
    const tapping = matchMedia('(hover: none)').matches && chosen().length > 0 && grid.tapSelects;
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
