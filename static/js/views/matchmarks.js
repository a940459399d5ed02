/** What lies on the tiles of matches: a quiet bar for the score, and the number of near-duplicates under it. */
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { score as write, t } from '../lib/text.js';

/** @param {{onUnfold: (id: number) => void, onFold: (id: number) => void}} options */
export function createMatchMarks({ onUnfold, onFold }) {
  const shown = new Map(); // id → item

  function decorate(tile, image) {
    const item = shown.get(tile.id);
    if (!item) return;
    if (item.score !== undefined) {
      const band = item.band ? t(`band.${item.band}`) : '';
      const number = write(item.score);
      tile.link.setAttribute('aria-label', t('matches.score', { name: image.name, band, score: number }));
      if (!tile.score) {
        tile.score = h('span.score', { title: band ? t('band.score', { band, score: number }) : number }, number);
        tile.score.style.setProperty('--score', `${Math.max(4, 100 * item.score)}%`);
        tile.link.append(tile.score);
      }
    }
    drawStack(tile, item);
  }

  function drawStack(tile, { id, folded, unfolded }) {
    const label = folded?.length ? t(unfolded ? 'matches.stack.hide' : 'matches.stack', { n: folded.length }) : '';
    if (tile.stack?.title === label) return;
    tile.stack?.remove();
    tile.stack = null;
    if (!label) return;
    tile.stack = h('button.stack', {
      type: 'button', title: label, 'aria-label': label, 'aria-expanded': String(Boolean(unfolded)),
      onclick: () => (unfolded ? onFold : onUnfold)(id),
    }, icon(unfolded ? 'minus' : 'copies'), !unfolded && `+${folded.length}`);
    tile.element.append(tile.stack);
  }

  return {
    decorate,
    set(items) {
      shown.clear();
      for (const item of items) shown.set(item.id, item);
    },
    /** How many of them are more than "less similar"; all where none is, since no line can part them. */
    line(items) {
      const first = items.findIndex(({ band }) => band === 'less_similar');
      return first > 0 ? first : items.length;
    },
  };
}
