/** Short notices at the foot of the window, read out politely. */
import { h } from './dom.js';

const SHOWN_MS = 5000;
const region = h('div.toasts', { role: 'status', 'aria-live': 'polite' });
document.body.append(region);

export function toast(text) {
  const notice = h('p.toast', {}, text);
  region.replaceChildren(notice);
  setTimeout(() => notice.remove(), SHOWN_MS);
}
