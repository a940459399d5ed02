/** What narrows a search, behind one button: the least score, grouping, the gallery's filters. */
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { checkbox, slider } from '../lib/pieces.js';
import { FILTERS, route } from '../lib/route.js';
import { score, t } from '../lib/text.js';

/** @param {{min: number, least: number, onMin: (value: number) => void, onMinKept: () => void,
 *   onOption: (change: object) => void}} options `onMinKept` once the slider is let go */
export function createRefine({ min, least, onMin, onMinKept, onOption }) {
  const filtered = FILTERS.some((each) => route()[each]);
  const on = ['min', 'collapse', 'within'].some((each) => route()[each]);
  const panel = h('div.options', { id: 'refine', hidden: !on },
    slider({
      label: t('matches.min'), min: least, max: 1, step: 0.01, value: min, format: (value) => (value > least ? score(value) : t('matches.min.any')),
      oninput: onMin, onchange: onMinKept,
    }),
    checkbox(t('matches.collapse'), route().collapse !== '0', (checked) => onOption({ collapse: checked ? '' : '0' })),
    filtered && checkbox(t('matches.within'), route().within === '1', (checked) => onOption({ within: checked ? '1' : '' })));
  const button = h('button.small', { type: 'button', 'aria-expanded': String(on), 'aria-controls': 'refine', onclick: () => {
    panel.hidden = !panel.hidden;
    button.setAttribute('aria-expanded', String(!panel.hidden));
  } }, icon('filter'), t('matches.refine'));
  return { button, panel };
}
