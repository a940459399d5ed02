/** The header's one search field: words where the model knows them, and a photo of one's own. */
import { debounce, h, hasCamera } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { go, href, route } from '../lib/route.js';
import { get, lastStatus, server } from '../lib/server.js';
import { setParams } from './tray.js';
import { t } from '../lib/text.js';

const TYPING_MS = 150;

export function createFinder() {
  const list = h('datalist', { id: 'words' });
  const complete = debounce(async () => {
    const q = input.value;
    const { words } = await get('api/words', { q }).catch(() => ({ words: [] }));
    if (q === input.value) list.replaceChildren(...words.map((value) => h('option', { value })));
  }, TYPING_MS);
  const find = (event) => {
    event.preventDefault();
    const word = input.value.trim();
    if (word) go({ ...setParams(), word });
  };
  const input = h('input', {
    type: 'search', list: 'words', maxlength: 200, autocomplete: 'off', enterkeyhint: 'search', hidden: true,
    'aria-label': t('key.words'), placeholder: t('finder.words'),
    oninput: (event) => (event.inputType === 'insertReplacementText' ? find(event) : complete()), // taken from the list
  });
  const photo = h('a.nav', { href: href({ view: 'upload' }), title: t('finder.photo.title') },
    icon(hasCamera ? 'camera' : 'upload'), h('span', {}, t('upload.title')));
  const element = h('form.finder', { role: 'search', onsubmit: find }, icon('search'), input, list, photo);

  /** Only a model that knows words has the field. */
  const offer = () => {
    const known = Boolean(lastStatus()?.model?.words);
    input.hidden = !known;
    element.classList.toggle('wordless', !known);
  };
  server.addEventListener('status', offer);
  offer();
  return {
    element,
    /** Shows what the URL searches for. */
    show: ({ word }) => (input.value = word ?? ''),
    open: () => (input.hidden ? go({ view: 'upload' }) : input.focus()),
  };
}
