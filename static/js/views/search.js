/** Photos like some and unlike others, and like a word or a text: the results of the query set. */
import { debounce, h } from '../lib/dom.js';
import { createMatches } from './matches.js';
import { emptyState } from '../lib/pieces.js';
import { adopt, chosen, chosenAs, clear, queryset } from '../query/queryset.js';
import { href, note, route } from '../lib/route.js';
import { post } from '../lib/server.js';
import { t } from '../lib/text.js';
import { setChips, setParams } from '../query/tray.js';

const EDIT_MS = 200;

/** Makes the set what the URL says. */
const obey = ({ like, unlike }) => adopt(numbers(like), numbers(unlike));
const titleOf = (word, n) => (word ? t('words.title', { word }) : n ? t('set.title', { n }) : t('set.label'));
const numbers = (text) => (text ?? '').split(',').map(Number).filter(Boolean);

export default function search(params, { restored } = {}) {
  let matches = null;
  const title = h('h1', {});
  const chips = setChips();
  const clearing = h('button', { type: 'button', onclick: clear }, t('set.clear'));
  const place = h('div.match-side');
  const element = h('div.search', {},
    h('header.query', {}, h('div.heading', {}, title, clearing), chips),
    place);

  function run(back) {
    const like = chosenAs('more');
    const unlike = chosenAs('less');
    const { word } = route();
    title.textContent = titleOf(word, like.length);
    title.classList.toggle('visually-hidden', !word && !like.length);
    clearing.hidden = !chosen().length;
    chips.draw();
    matches?.destroy();
    matches = null;
    if (!like.length && !word) {
      const empty = chosen().length ? emptyState(t('set.onlyless')) : emptyState(t('set.empty.title'), t('set.empty.text'),
        h('a.button', { href: href({}) }, t('gallery.title')));
      place.replaceChildren(empty);
      return;
    }
    matches = createMatches({
      title: t('matches.title'),
      key: `set ${like} ${unlike} ${word ?? ''}`,
      search: ({ collapse, ...query }, signal) => post('api/search', { like, unlike, text: word, collapse: Boolean(collapse), ...query }, signal),
      least: word ? -1 : 0, // a photo has less in common with a word than with a photo
      restored: back,
    });
    place.replaceChildren(matches.element);
    matches.start();
  }

  const edited = debounce(() => {
    note({ ...route(), ...setParams(), min: route().min });
    run();
  }, EDIT_MS);
  const until = new AbortController();

  return {
    element,
    title: titleOf(params.word, numbers(params.like).length),
    shown() {
      obey(params);
      queryset.addEventListener('change', edited, { signal: until.signal });
      run(restored);
    },
    position: () => ({ y: scrollY }),
    update(next, { restored: back }) {
      obey(next);
      edited.cancel();
      run(back);
      return true;
    },
    destroy() {
      until.abort();
      edited.cancel();
      matches?.destroy();
    },
  };
}
