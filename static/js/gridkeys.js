/** Arrow keys through a grid: one photo of it is in the tab order, the arrows move which. */
import { mark, marked } from './queryset.js';

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
