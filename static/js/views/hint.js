/** What a first visit is told, once: that every photo leads to those that look like it. */
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { t } from '../lib/text.js';

const STORE = 'hint';

/** Whoever has opened a photo knows. */
export const forgetHint = () => localStorage.setItem(STORE, 'known');

export function createHint() {
  if (localStorage.getItem(STORE)) return null;
  const touch = matchMedia('(hover: none)').matches;
  const element = h('p.hint', {}, icon('similar'), h('span', {}, t(touch ? 'hint.tap' : 'hint.click')),
    h('button.plain', { type: 'button', onclick: () => {
      forgetHint();
      element.remove();
    } }, t('hint.close')));
  return element;
}
