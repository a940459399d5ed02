/** Search results: matches in a grid, from the most similar on, more on request. */
import { h } from '../lib/dom.js';
import { Grid } from '../grid/grid.js';
import { icon } from '../lib/icons.js';
import { learn, ratioOf, recall, remember } from '../lib/library.js';
import { createMatchMarks } from './matchmarks.js';
import { failure } from '../lib/pieces.js';
import { createRefine } from './refine.js';
import { FILTERS, href, LISTING, note, pick, route } from '../lib/route.js';
import { score as write, t } from '../lib/text.js';
import { keepWalk } from '../lib/walk.js';

const PAGE = 60;
const KEPT = 20;
const UNFOLDED = 200; // matches looked through for the scores of folded ones
const HEADING_PX = 52;
const kept = new Map(); // searches already answered, so that going back is instant

const target = (width) => (width < 500 ? 120 : width < 900 ? 150 : 190);

/** @param {{title: string, search: (query: object, signal: AbortSignal) => Promise<object>, key: string,
 *   restored?: object, least?: number, slides?: object}} options `search` gets k, offset, collapse and the filters; `key`
 *   names the query, no score is below `least`, and `slides` is what a slideshow of these matches is of */
export function createMatches({ title, search, key, restored, least = 0, slides }) {
  let min = Number(route().min || least);
  let answer = null; // {items, next, done}
  let loading = new AbortController();
  let returning = restored;

  const marks = createMatchMarks({ onUnfold: unfold, onFold: fold });
  const grid = new Grid({
    hrefOf: (id) => href({ ...pick(route(), LISTING), view: 'similar', id }),
    target, label: title, decorate: marks.decorate, heading: HEADING_PX,
  });
  grid.element.addEventListener('click', (event) => {
    const link = event.target.closest('.tile a');
    if (link) link.dataset.walk = keepWalk(shownItems().map(({ id, score, band }) => [id, score, band]));
  });
  const count = h('span.count', { role: 'status' });
  const refine = createRefine({
    min, least,
    onMin(value) {
      min = value;
      draw();
    },
    onMinKept: () => note({ ...route(), min: min > least ? min : '' }),
    onOption(change) {
      note({ ...route(), ...change });
      start();
    },
  });
  const play = h('a.nav', { title: t('slides.start'), 'aria-label': t('slides.start') }, icon('play'));
  play.style.visibility = 'hidden'; // it has its place
  const more = h('button.load-more', { type: 'button', hidden: true, onclick: () => load() }, t('matches.more'));
  const place = h('div.place', {}, grid.element);
  const tools = h('span.tools', {}, refine.button, play);
  const element = h('section.matches', {},
    h('div.heading', {}, h('h2', {}, title), count, tools),
    refine.panel, place, more);

  const shownItems = () => answer?.items.filter((item) => item.score === undefined || item.score >= min) ?? [];

  /** Puts the near-duplicates folded under a match right after it, with scores of their own. */
  async function unfold(id) {
    const present = answer;
    const best = answer.items.find((item) => item.id === id);
    const { folded } = best;
    const scores = await search({ ...query(), collapse: undefined, k: UNFOLDED }, loading.signal)
      .then(({ items }) => new Map(items.map((item) => [item.id, item])), () => new Map());
    await learn(folded);
    const items = folded.map(recall).filter(Boolean).map((image) => ({ ...image, score: scores.get(image.id)?.score, band: scores.get(image.id)?.band, under: id }));
    if (best.unfolded || answer !== present) return; // asked twice, or of another search by now
    best.unfolded = true;
    answer.items.splice(answer.items.indexOf(best) + 1, 0, ...items);
    draw();
  }

  function fold(id) {
    answer.items.find((item) => item.id === id).unfolded = false;
    answer.items = answer.items.filter((item) => item.under !== id);
    draw();
  }

  function draw() {
    tools.hidden = false;
    refine.setScale(answer.scale);
    const items = shownItems();
    const shown = items.length;
    marks.set(items);
    const whole = shown < answer.items.length || answer.done;
    count.textContent = shown ? t(whole ? 'gallery.count' : 'matches.count.more', { n: shown }) : '';
    more.hidden = whole || !shown;
    play.style.visibility = shown ? '' : 'hidden';
    play.href = href({ view: 'frame', ...(slides ?? { ids: items.map(({ id }) => id).join() }) });
    if (shown && !grid.element.isConnected) place.replaceChildren(grid.element);
    const line = marks.line(items);
    grid.show({
      ids: Int32Array.from(items, (item) => item.id),
      ratios: Uint16Array.from(items, (item) => Math.min(65535, ratioOf(item))),
      groups: [
        { start: 0, count: line, label: '' },
        ...(line < shown ? [{ start: line, count: shown - line, label: t('matches.less') }] : []),
      ],
      total: shown,
    });
    grid.resize(); // at once, so that nothing below it is painted where it won't stay
    if (!shown) place.replaceChildren(h('p.quiet', {}, answer.items.length ? t('matches.none', { score: write(min) }) : t('matches.none.all')));
  }

  /** How to search, besides by what. */
  function query() {
    const { collapse, within, ...params } = route();
    return { collapse: collapse === '0' ? undefined : 1, ...(within && pick(params, FILTERS)) };
  }

  async function load() {
    loading.abort();
    loading = new AbortController();
    const cacheKey = JSON.stringify([key, query()]);
    const offset = answer?.next ?? 0;
    try {
      const page = await search({ ...query(), k: PAGE, offset: offset || undefined }, loading.signal);
      remember(page.items.map(imageOf));
      answer = {
        items: [...(answer?.items ?? []), ...page.items],
        scale: page.scale,
        next: offset + page.items.length,
        done: page.items.length < PAGE || (Boolean(page.total) && offset + page.items.length >= page.total),
      };
      kept.delete(cacheKey);
      kept.set(cacheKey, answer);
      if (kept.size > KEPT) kept.delete(kept.keys().next().value);
      draw();
      back();
    } catch (error) {
      // What the device can't find or read now, it won't on the second try either.
      if (error.name === 'AbortError') return;
      tools.hidden = true; // there is nothing to narrow
      place.replaceChildren(failure(error, error.status < 500 ? null : load));
    }
  }

  /** Once there is something to scroll, goes where the reader was. */
  function back() {
    if (!returning) return;
    scrollTo(0, returning.y);
    returning = null;
  }

  function start() {
    loading.abort();
    answer = kept.get(JSON.stringify([key, query()])) ?? null;
    if (answer) {
      remember(answer.items.map(imageOf));
      draw();
      back();
    } else {
      place.replaceChildren(h('p.quiet.searching', { role: 'status' }, t('matches.searching')));
      load();
    }
  }

  return {
    element,
    start,
    destroy() {
      loading.abort();
      grid.destroy();
    },
  };
}

/** The image of a match, without what only this search says of it. */
const imageOf = ({ score, band, folded, unfolded, under, ...image }) => image;
