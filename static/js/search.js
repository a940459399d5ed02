/** Photos like some and unlike others: the results of the query set. */
import { debounce, h } from './dom.js';
import { createMatches } from './matches.js';
import { emptyState } from './pieces.js';
import { adopt, chosen, chosenAs, clear, queryset } from './queryset.js';
import { href, note, route } from './route.js';
import { post } from './server.js';
import { t } from './text.js';
import { setChips, setParams } from './tray.js';

const EDIT_MS = 200;

/** Makes the set what the URL says. */
const obey = ({ like, unlike }) => adopt(numbers(like), numbers(unlike));
const numbers = (text) => (text ?? '').split(',').map(Number).filter(Boolean);

export default function search(params, { restored } = {}) {
  let matches = null;
  const title = h('h1', {});
  const chips = setChips();
  const place = h('div.match-side');
  const element = h('div.search', {},
    h('header.query', {}, h('div.heading', {}, title, h('button.soft', { type: 'button', onclick: clear }, t('set.clear'))), chips),
    place);

  function run(back) {
    const like = chosenAs('more');
    const unlike = chosenAs('less');
    title.textContent = t('set.title', { n: like.length });
    chips.draw();
    matches?.destroy();
    matches = null;
    if (!like.length) {
      const empty = chosen().length ? emptyState(t('set.onlyless')) : emptyState(t('set.empty.title'), t('set.empty.text'),
        h('a.button', { href: href({}) }, t('nav.gallery')));
      place.replaceChildren(empty);
      return;
    }
    matches = createMatches({
      title: t('matches.title'),
      key: `set ${like} ${unlike}`,
      search: ({ collapse, ...query }, signal) => post('api/search', { like, unlike, collapse: Boolean(collapse), ...query }, signal),
      restored: back,
    });
    place.replaceChildren(matches.element);
    matches.start();
  }

  const edited = debounce(() => {
    note({ ...route(), ...setParams() });
    run();
  }, EDIT_MS);
  const until = new AbortController();

  return {
    element,
    title: t('set.title', { n: numbers(params.like).length }),
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
