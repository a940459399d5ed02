/** Signing out, on this device and everywhere; shown where a passcode is asked for. */
import { h } from '../lib/dom.js';
import { post } from '../lib/server.js';
import { t } from '../lib/text.js';

export default function session() {
  const said = h('p.quiet', { role: 'status' });

  async function leave(path) {
    try {
      await post(path, {});
      location.reload();
    } catch (error) {
      said.textContent = error.message;
    }
  }

  return h('section.card', {}, h('h2', {}, t('session.title')),
    h('p', {}, h('button', { type: 'button', onclick: () => leave('logout') }, t('session.here'))),
    h('p', {}, h('button', { type: 'button', onclick: () => leave('logout/everywhere') }, t('session.everywhere'))),
    h('p.quiet', {}, t('session.text')), said);
}
