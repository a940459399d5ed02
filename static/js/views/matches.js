/** Search results: matches in a grid with their scores, a score slider, more on request. */
import { h } from '../lib/dom.js';
import { Grid } from '../grid/grid.js';
import { icon } from '../lib/icons.js';
import { learn, ratioOf, recall, remember } from '../lib/library.js';
import { checkbox, failure, slider } from '../lib/pieces.js';
import { FILTERS, href, LISTING, note, pick, route } from '../lib/route.js';
import { score as write, t } from '../lib/text.js';

const PAGE = 60;
const KEPT = 20;
const kept = new Map(); // searches already answered, so that going back is instant

const target = (width) => (width < 500 ? 120 : width < 900 ? 150 : 190);

/** @param {{title: string, search: (query: object, signal: AbortSignal) => Promise<object>, key: string,
 *   restored?: object, least?: number}} options `search` gets k, offset, collapse and the filters; `key` names the query,
 *   and no score is below `least` */
export function createMatches({ title, search, key, restored, least = 0 }) {
  let min = Number(route().min || least);
  let answer = null; // {items, next, done}
  let loading = new AbortController();
  let returning = restored;

  const scores = new Map();
  const stacks = new Map(); // id → ids folded under it
  const grid = new Grid({ hrefOf: (id) => href({ ...pick(route(), LISTING), view: 'similar', id }), target, label: title, decorate });
  const heading = h('h2', {}, title);
  const count = h('span.count', { role: 'status' });
  const minimum = slider({
    label: t('matches.min'), min: least, max: 1, step: 0.01, value: min, format: write,
    oninput: (value) => {
      min = value;
      draw();
    },
    onchange: () => note({ ...route(), min: min > least ? min : '' }),
  });
  const more = h('button.load-more', { type: 'button', hidden: true, onclick: () => load() }, t('matches.more'));
  const place = h('div.place', {}, grid.element);
  const element = h('section.matches', {},
    h('div.heading', {}, heading, count),
    h('div.options', {}, minimum,
      checkbox(t('matches.collapse'), route().collapse !== '0', (on) => option({ collapse: on ? '' : '0' })),
      FILTERS.some((each) => route()[each]) &&
        checkbox(t('matches.within'), route().within === '1', (on) => option({ within: on ? '1' : '' }))),
    place, more);

  function decorate(tile, image) {
    const value = scores.get(tile.id);
    if (value !== undefined && !tile.score) {
      tile.score = h('span.score', {}, write(value));
      tile.link.append(tile.score);
      tile.link.setAttribute('aria-label', t('matches.score', { name: image.name, score: write(value) }));
    }
    const folded = stacks.get(tile.id);
    if (folded && !tile.stack) {
      tile.stack = h('button.stack', {
        type: 'button', title: t('matches.stack', { n: folded.length }), 'aria-label': t('matches.stack', { n: folded.length }),
        onclick: () => unfold(tile.id),
      }, icon('copies'), `+${folded.length}`);
      tile.element.append(tile.stack);
    } else if (!folded && tile.stack) {
      tile.stack.remove();
      tile.stack = null;
    }
  }

  /** Puts the near-duplicates folded under a match right after it. */
  async function unfold(id) {
    const ids = stacks.get(id);
    await learn(ids);
    const at = answer.items.findIndex((item) => item.id === id);
    const items = ids.map(recall).filter(Boolean).map((image) => ({ ...image, score: answer.items[at].score, unfolded: true }));
    answer.items[at] = { ...answer.items[at], folded: undefined };
    answer.items.splice(at + 1, 0, ...items);
    stacks.delete(id);
    draw();
  }

  function draw() {
    scores.clear();
    stacks.clear();
    let shown = 0;
    for (const item of answer.items) {
      if (item.score < min) break;
      shown += 1;
      if (!item.unfolded) scores.set(item.id, item.score);
      if (item.folded?.length) stacks.set(item.id, item.folded);
    }
    const items = answer.items.slice(0, shown);
    const whole = shown < answer.items.length || answer.done;
    count.textContent = shown ? t(whole ? 'gallery.count' : 'matches.count.more', { n: shown }) : '';
    more.hidden = whole || !shown;
    if (shown && !grid.element.isConnected) place.replaceChildren(grid.element);
    grid.show({
      ids: Int32Array.from(items, (item) => item.id),
      ratios: Uint16Array.from(items, (item) => Math.min(65535, ratioOf(item))),
      groups: [{ start: 0, count: shown, label: '' }],
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

  function option(change) {
    note({ ...route(), ...change });
    start();
  }

  async function load() {
    loading.abort();
    loading = new AbortController();
    const cacheKey = JSON.stringify([key, query()]);
    const offset = answer?.next ?? 0;
    try {
      const page = await search({ ...query(), k: PAGE, offset: offset || undefined }, loading.signal);
      remember(page.items.map(({ score, folded, ...image }) => image));
      answer = {
        items: [...(answer?.items ?? []), ...page.items],
        next: offset + page.items.length,
        done: page.items.length < PAGE || (Boolean(page.total) && offset + page.items.length >= page.total),
      };
      kept.delete(cacheKey);
      kept.set(cacheKey, answer);
      if (kept.size > KEPT) kept.delete(kept.keys().next().value);
      draw();
      back();
    } catch (error) {
      if (error.name !== 'AbortError') place.replaceChildren(failure(error, load));
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
      remember(answer.items.map(({ score, folded, unfolded, ...image }) => image));
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
