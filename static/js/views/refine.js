/** What narrows a search, behind one button: the least score, grouping, the gallery's filters. */
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { checkbox, slider } from '../lib/pieces.js';
import { FILTERS, route } from '../lib/route.js';
import { score, t } from '../lib/text.js';

const BANDS = ['almost_same', 'very_similar', 'similar']; // each begins at a score of the scale, where that is known

/** @param {{min: number, least: number, onMin: (value: number) => void, onMinKept: () => void,
 *   onOption: (change: object) => void}} options `onMinKept` once the slider is let go */
export function createRefine({ min, least, onMin, onMinKept, onOption }) {
  const filtered = FILTERS.some((each) => route()[each]);
  const on = ['min', 'collapse', 'within'].some((each) => route()[each]);
  let lowest = least; // of the slider: any score
  let scale = null;
  const band = (value) => (scale?.similar ? BANDS.find((each) => scale[each] && value >= scale[each]) ?? 'less_similar' : null);
  const minimum = slider({
    label: t('matches.min'), min: least, max: 1, step: 0.01, value: min,
    format: (value) => (value > lowest ? [score(value), band(value) && t(`band.${band(value)}`)].filter(Boolean).join(' · ') : t('matches.min.any')),
    oninput: (value) => onMin(value > lowest ? value : least), onchange: onMinKept,
  });
  const panel = h('div.options', { id: 'refine', hidden: !on },
    minimum,
    checkbox(t('matches.collapse'), route().collapse !== '0', (checked) => onOption({ collapse: checked ? '' : '0' })),
    filtered && checkbox(t('matches.within'), route().within === '1', (checked) => onOption({ within: checked ? '1' : '' })));
  const button = h('button.small', { type: 'button', 'aria-expanded': String(on), 'aria-controls': 'refine', onclick: () => {
    panel.hidden = !panel.hidden;
    button.setAttribute('aria-expanded', String(!panel.hidden));
  } }, icon('filter'), t('matches.refine'));
  /** Lets the slider begin where half of all pairs of photos are: scores below it tell nothing. */
  const setScale = (found) => {
    scale = found;
    const half = Math.floor((scale?.half ?? least) * 100) / 100;
    lowest = Math.max(least, min > least ? Math.min(half, min) : half);
    minimum.begin(lowest);
  };
  return { button, panel, setScale };
}
