/** The query set as a bar: what is searched for, each photo as "more" or "less", all editable. */
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { learn, recall } from '../lib/library.js';
import { toast } from '../lib/pieces.js';
import { chosen, chosenAs, clear, mark, marked, queryset } from './queryset.js';
import { go, href } from '../lib/route.js';
import { t } from '../lib/text.js';
import { nameOf } from '../grid/tile.js';

/** What the URL says of the present set. */
export const setParams = () => ({ view: 'search', like: chosenAs('more').join(','), unlike: chosenAs('less').join(',') });

/** The photos of the set, each with a switch between more and less and a way out. */
export function setChips() {
  const list = h('ul.set', { 'aria-label': t('set.label') });
  const draw = async () => {
    const ids = chosen();
    list.replaceChildren(...ids.map(chip));
    if (ids.every(recall)) return;
    await learn(ids).catch(() => {});
    if (list.isConnected) list.replaceChildren(...chosen().map(chip));
  };
  list.draw = draw;
  return list;
}

function chip(id) {
  const less = marked(id) === 'less';
  const name = nameOf(id);
  const image = recall(id);
  return h(`li.${less ? 'less' : 'more'}`, {},
    h('a', { href: href({ view: 'similar', id }), 'aria-label': name, title: name }, h('img', { src: image?.thumb, alt: '', draggable: 'false' })),
    h('button.flip', {
      type: 'button', title: t(less ? 'set.less' : 'set.more'), 'aria-label': t(less ? 'set.flip.more' : 'set.flip.less', { name }),
      onclick: () => mark([id], less ? 'more' : 'less'),
    }, icon(less ? 'minus' : 'plus')),
    h('button.out', { type: 'button', 'aria-label': t('set.remove', { name }), onclick: () => mark([id], null) }, icon('close')));
}

/** Docks the bar at the foot of the window while the set is not empty. */
export function attachTray() {
  const list = setChips();
  const count = h('span.count', { role: 'status' });
  const search = () => {
    if (!chosen().length) return;
    if (chosenAs('more').length) go(setParams());
    else toast(t('set.onlyless'));
  };
  const zip = h('a.nav', { title: t('set.zip'), 'aria-label': t('set.zip'), download: 'photos.zip' }, icon('download'));
  const play = h('a.nav', { title: t('slides.start'), 'aria-label': t('slides.start') }, icon('play'));
  const bar = h('aside.tray', { 'aria-label': t('set.label'), hidden: true },
    list, h('div.controls', {}, count,
      zip, play,
      h('button.plain', { type: 'button', onclick: clear }, t('set.clear')),
      h('button.strong', { type: 'button', onclick: search }, icon('search'), t('set.search'))));
  document.body.append(bar);
  let hidden = false;
  const draw = () => {
    const shown = chosen().length > 0 && !hidden;
    bar.hidden = !shown;
    document.body.classList.toggle('choosing', shown);
    if (!shown) return;
    count.textContent = t('set.count', { n: chosen().length });
    zip.href = `api/zip?ids=${chosen()}`;
    play.href = href({ view: 'frame', ids: chosen().join() });
    list.draw();
  };
  queryset.addEventListener('change', draw);
  draw();
  return {
    search,
    hide(on) {
      hidden = on;
      draw();
    },
  };
}
