/** The way through a listing too long for one page: at its end, to the part before and after. */
import { h } from '../lib/dom.js';
import { href } from '../lib/route.js';
import { t } from '../lib/text.js';

/** Which photos of a listing are on show, and links to others. */
export function partLinks({ ids, total, offset, part, parts }, params) {
  const link = (to, key) => to >= 1 && to <= parts && h('a.button', { href: href({ ...params, part: to > 1 ? to : '' }) }, t(key));
  return h('nav.page-parts', { 'aria-label': t('parts.label') },
    h('p.quiet', {}, t('parts.shown', { from: offset + 1, to: offset + ids.length, n: total })),
    link(part - 1, 'parts.before'), link(part + 1, 'parts.after'));
}
