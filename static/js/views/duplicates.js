/** Photos that are the same or nearly so, by kind, side by side; and the list of those to move away. */
import { createMarks } from '../duplicates/marks.js';
import { bestOf, createCard } from '../duplicates/card.js';
import { dismissedList, markedList } from '../duplicates/lists.js';
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { remember } from '../lib/library.js';
import { emptyState, failure, slider, toast } from '../lib/pieces.js';
import { href, note } from '../lib/route.js';
import { get, lastStatus, post } from '../lib/server.js';
import { bytes, number, score, t } from '../lib/text.js';

const KINDS = ['identical', 'same', 'alike'];
const TABS = [...KINDS, 'marked', 'dismissed'];
const COPIES = KINDS.slice(0, 2); // of these all but the best may be marked at once
const LOWEST = 0.8; // that the device accepts
const PAGE = 20;
const PENDING_MS = 2000;

const idsOf = ({ images }) => images.map(({ id }) => id);

/** What the device takes for near-duplicates unless it is told otherwise. */
const usual = () => lastStatus()?.limits.duplicate_score ?? LOWEST;

export default function duplicates(first, { restored } = {}) {
  let params = first;
  let loading = new AbortController();
  let waiting;
  let visible = PAGE;
  let returning = restored;
  const found = new Map(); // kind → {groups, total, pending, next}
  const dismissed = new Set(); // groups that the device may still list
  const marks = createMarks(() => {
    if (found.size && kind() === 'marked' && !marks.images().length) draw();
    else drawBar();
  });
  const tabs = h('nav', { class: 'tabs', 'aria-label': t('duplicates.kinds') });
  const summary = h('span', { role: 'status' });
  const about = h('p.quiet');
  const place = h('div.groups');
  const least = slider({
    label: t('duplicates.min'), min: LOWEST, max: 1, step: 0.01, value: Number(params.min) || usual(), format: score,
    onchange: (value) => {
      params = { ...params, min: value === usual() ? '' : value };
      note(params);
      load();
    },
  });
  const lesser = h('button', { type: 'button', onclick: markLesser }, icon('check'), t('duplicates.lesser'));
  const toList = h('a.button.quiet-button', { href: href({ view: 'duplicates', kind: 'marked' }) }, t('duplicates.show.list'));
  const bar = h('div.listbar', {}, summary, lesser, toList);
  const more = h('button.load-more', { type: 'button', hidden: true, onclick: () => {
    visible += PAGE;
    draw();
  } }, t('duplicates.more'));
  const element = h('div.page', {}, h('h1', {}, t('duplicates.title')), tabs, about, least, bar, place, more);

  /** The kind on show: the one in the URL, or the first that there is something of. */
  const kind = () => TABS.find((each) => each === params.kind) ?? KINDS.find((each) => found.get(each)?.total) ?? KINDS[0];
  const isKind = () => KINDS.includes(kind());
  const current = () => found.get(kind()) ?? { groups: [], total: 0 };

  async function load() {
    if (until.signal.aborted) return; // undone after leaving
    clearTimeout(waiting);
    loading.abort();
    loading = new AbortController();
    const { signal } = loading;
    try {
      const [answers] = await Promise.all([
        Promise.all(KINDS.map((each) => get('api/duplicates', { kind: each, min_score: each === 'alike' ? params.min : '' }, signal))),
        marks.load(signal),
      ]);
      answers.forEach((answer, i) => {
        const groups = answer.groups.filter((group) => !dismissed.has(`${idsOf(group)}`)).map((group) => ({ ...group, best: bestOf(group) }));
        remember(groups.flatMap(({ images }) => images.map(({ score: _, copy_of: __, ...image }) => image)));
        found.set(KINDS[i], { ...answer, groups });
      });
      if (!params.min) least.set(found.get('alike').min_score);
      draw();
      if (answers.some(({ pending }) => pending)) waiting = setTimeout(load, PENDING_MS);
      else dismissed.clear();
      if (returning) scrollTo(0, returning.y);
      returning = null;
    } catch (error) {
      if (error.name !== 'AbortError') place.replaceChildren(failure(error, load));
    }
  }

  /** What a kind would free, as far as its groups have come. */
  const freed = ({ groups }) => groups.filter(({ best }) => best.reason).reduce((sum, { images, best }) => sum + images.reduce((all, image) => all + (image.id === best.image.id ? 0 : image.bytes), 0), 0);

  function drawTabs() {
    const tab = (each, label, count, size) => h('a.tab', { href: href({ view: 'duplicates', kind: each, min: params.min }), 'aria-current': kind() === each && 'true' },
      label, ' ', found.size > 0 && h('small', {}, [number(count), size > 0 && bytes(size)].filter(Boolean).join(' · ')));
    const focused = tabs.contains(document.activeElement);
    tabs.replaceChildren(
      ...KINDS.map((each) => tab(each, t(`duplicates.kind.${each}`), found.get(each)?.total ?? 0, found.has(each) ? freed(found.get(each)) : 0)),
      h('a.tab', { href: href({ view: 'duplicates', kind: 'marked' }), 'aria-current': kind() === 'marked' && 'true' }, t('duplicates.marked'), ' ', found.size > 0 && h('small', {}, number(marks.images().length))),
      h('a.tab', { href: href({ view: 'duplicates', kind: 'dismissed' }), 'aria-current': kind() === 'dismissed' && 'true' }, t('duplicates.dismiss')));
    if (focused) tabs.querySelector('[aria-current]').focus();
  }

  function draw() {
    const { groups, pending } = current();
    about.textContent = [t(`duplicates.about.${kind()}`), pending && t('duplicates.pending')].filter(Boolean).join(' ');
    least.hidden = kind() !== 'alike';
    more.hidden = !isKind() || groups.length <= visible;
    drawBar();
    if (!found.size) return place.replaceChildren(h('p.quiet', {}, t('app.loading')));
    if (kind() === 'marked') return place.replaceChildren(markedList(marks));
    if (kind() === 'dismissed') return showDismissed();
    place.replaceChildren(...groups.slice(0, visible).map((group, i) => createCard(group, i, { marks, dismiss })));
    if (!groups.length && !pending) {
      place.replaceChildren(emptyState(t(`duplicates.none.${kind()}`),
        kind() === 'alike' && (params.min > LOWEST || !params.min) && usual() > LOWEST ? t('duplicates.none.text') : ''));
    }
  }

  async function showDismissed() {
    const { signal } = loading;
    const list = await dismissedList(load, signal).catch((error) => failure(error, load));
    if (!signal.aborted && kind() === 'dismissed') place.replaceChildren(list);
  }

  function drawBar() {
    drawTabs();
    const all = marks.images();
    const size = bytes(all.reduce((sum, image) => sum + image.bytes, 0));
    bar.hidden = !isKind() || !current().groups.length;
    summary.textContent = all.length ? t('duplicates.listed', { n: all.length, bytes: size }) : t('duplicates.listed.none');
    lesser.hidden = !COPIES.includes(kind());
    toList.hidden = !all.length;
  }

  /** Marks all but the best of every group of copies that has come. */
  function markLesser() {
    return marks.set(current().groups.filter(({ best }) => best.reason).flatMap(({ images, best }) => images.filter(({ id }) => id !== best.image.id)), true).then(draw);
  }

  async function dismiss(group) {
    const ids = idsOf(group);
    const say = async (what) => {
      try {
        await post(`api/duplicates/${what}`, { ids });
        dismissed[what === 'dismiss' ? 'add' : 'delete'](`${ids}`);
      } catch (error) {
        toast(error.message);
        return false;
      }
      await load();
      return true;
    };
    await marks.set(group.images.filter(({ id }) => marks.has(id)), false);
    if (!(await say('dismiss'))) return;
    toast(t('duplicates.dismissed'), h('button.plain', { type: 'button', onclick: () => say('restore') }, t('duplicates.undo')));
  }

  // Another tab may have marked some meanwhile.
  const until = new AbortController();
  document.addEventListener('visibilitychange', () => document.hidden || load(), { signal: until.signal });
  draw();
  load();
  return {
    element,
    title: t('duplicates.title'),
    position: () => ({ y: scrollY }),
    update(next, { restored: back }) {
      params = next;
      visible = PAGE;
      returning = back;
      if (!back) scrollTo(0, 0);
      draw();
      load();
      return true;
    },
    destroy() {
      until.abort();
      clearTimeout(waiting);
      loading.abort();
    },
  };
}
