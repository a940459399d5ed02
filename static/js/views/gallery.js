/** The gallery: every photo under the present sort and filters. */
import { addStyle, h } from '../lib/dom.js';
import { Grid } from '../grid/grid.js';
import { createHint, forgetHint } from './hint.js';
import { icon } from '../lib/icons.js';
import { fetchFirst, fetchListing, recallListing } from '../lib/library.js';
import { emptyState, failure, toast } from '../lib/pieces.js';
import { chosen, clear, queryset } from '../query/queryset.js';
import { FILTERS, go, href, LISTING, pick } from '../lib/route.js';
import { Scrubber } from '../grid/scrubber.js';
import { lastStatus, revision, server } from '../lib/server.js';
import { date, t } from '../lib/text.js';

const SORTS = ['-date', 'date', 'name', '-name', 'folder', '-folder'];
const HEADING_PX = 52;
// A listing this short is refreshed under the reader's eyes while indexing; a longer one on request.
const REFRESH_MAX = 5000;
const REFRESH_MS = 3000;
const FIRST_MS = 1500; // longest wait for the first thumbnails

/** Height of a row for a grid of this width: bigger photos on bigger screens. */
const target = (width) => (width < 500 ? 116 : width < 1000 ? 170 : width < 2000 ? 216 : 260);

export default function gallery(first, { restored } = {}) {
  let params = first;
  let seen = null; // the revision of the library that is on show
  let loaded = false;
  let loading = new AbortController();
  let returning = restored;

  const grid = new Grid({
    hrefOf: (id) => href({ ...pick(params, LISTING), view: 'similar', id }),
    target,
    heading: HEADING_PX,
    onArrange: () => scrubber.draw(),
    onRender: () => scrubber.follow(),
  });
  const scrubber = new Scrubber(grid, (on) => {
    element.classList.toggle('scrubbed', on);
    grid.resize();
  });
  const title = h('h1', {});
  const count = h('span.count', { role: 'status' });
  const sort = h('select', { 'aria-label': t('gallery.sort'), onchange: () => go({ ...params, part: '', sort: sort.value === '-date' ? '' : sort.value }) },
    SORTS.map((each) => h('option', { value: each }, t(`sort.${each}`))));
  const filter = async () => {
    const [{ openFilters }] = await Promise.all([import('./filters.js'), addStyle('css/more.css')]);
    openFilters(() => params, (next) => go({ ...pick(params, ['view', 'sort']), ...next }, { replace: true }));
  };
  const choose = h('button.choose', { type: 'button', title: t('gallery.select'), 'aria-label': t('gallery.select'), onclick: () => {
    tapsSelect(!grid.tapSelects); // what is selected stays so until it is cleared on purpose
    if (grid.tapSelects) toast(t('gallery.select.hint'));
  } }, icon('select'));
  const tapsSelect = (on) => {
    grid.tapSelects = on;
    choose.setAttribute('aria-pressed', String(on));
  };
  // Once something is selected on a touch screen, taps go on selecting, as in a phone's own gallery.
  const followSet = () => tapsSelect(chosen().length > 0);
  const active = h('div.chips');
  let folders = null; // what the library's folders are for is another module
  const side = h('div.side');
  const hint = createHint();
  grid.element.addEventListener('click', (event) => event.target.closest('.tile a') && forgetHint());
  const play = h('a.button.quiet-button', { title: t('slides.start'), 'aria-label': t('slides.start') }, icon('play'));
  const news = h('div.news', { role: 'status' });
  const place = h('div.place', {}, grid.element);
  const parts = h('div', {});
  const element = h('div.gallery', {},
    side,
    h('div.photos', {},
      h('div.toolbar', {}, h('div.heading', {}, title, count), h('div.controls', {},
        h('button.filter', { type: 'button', title: t('filter.title'), onclick: filter }, icon('filter'), h('span', {}, t('filter.title'))), play, h('label', {}, sort), choose)),
      active, hint, news, place, parts, scrubber.element));

  async function load({ fresh = false } = {}) {
    loading.abort();
    loading = new AbortController();
    const { signal } = loading;
    sort.value = params.sort || '-date';
    title.textContent = params.folder ?? t(params.view ? 'nav.folders' : 'gallery.title');
    play.href = href({ ...pick(params, LISTING), view: 'frame' });
    const inFolders = Boolean(params.view || params.folder);
    element.classList.toggle('in-folders', inFolders);
    if (inFolders) showFolders(fresh);
    active.replaceChildren(...chips(params));
    const kept = !fresh && recallListing(params);
    if (kept) show(kept);
    try {
      let listing = null;
      if (!fresh && !kept && !returning && !params.part) {
        const first = await fetchFirst(params, signal);
        show(first);
        if (first.total === first.ids.length) listing = first;
        // A long listing costs the device a second: what the reader is looking at goes first.
        else await grid.settled(FIRST_MS);
      }
      listing ??= await fetchListing(params, signal);
      seen = revision();
      if (!loaded || !same(grid.listing, listing)) show(listing);
      else {
        settle();
        grid.fetchNow(); // a photo may have been replaced in its place
      }
    } catch (error) {
      if (error.name === 'AbortError' || grid.listing === recallListing(params)) return;
      loaded = false;
      count.textContent = '';
      place.replaceChildren(failure(error, () => load()));
    }
  }

  async function showParts(listing) {
    parts.replaceChildren();
    if (!(listing.parts > 1)) return;
    const { partLinks } = await import('./parts.js');
    if (grid.listing === listing) parts.replaceChildren(partLinks(listing, params));
  }

  async function showFolders(fresh) {
    const { createFolders, crumbs } = await import('./folders.js');
    if (!folders) side.append((folders = createFolders()).element);
    if (params.folder) title.replaceChildren(...crumbs(params.folder, params));
    folders.show(params);
    if (fresh) folders.refresh();
  }

  function show(listing) {
    loaded = true;
    news.replaceChildren();
    count.textContent = t('gallery.count', { n: listing.total });
    const some = listing.ids.length > 0;
    place.replaceChildren(some ? grid.element : nothing());
    grid.show(listing);
    showParts(listing);
    settle();
  }

  /** Goes where the reader was, once the grid is in the page and has something to scroll. */
  function settle() {
    if (!element.isConnected) return;
    grid.resize();
    scrubber.show((params.sort || '-date').endsWith('date') ? grid.listing.groups : [], grid.listing.total);
    if (!returning || !grid.listing.ids.length) return;
    if (returning.anchor) grid.restore(returning.anchor);
    else scrollTo(0, returning.y);
    if (returning.focused) grid.refocus(returning.focused);
    returning = null;
  }

  function nothing() {
    if (FILTERS.some((key) => params[key])) {
      return emptyState(t('gallery.none.title'), null, h('a.button', { href: href(pick(params, ['sort', 'folder'])) }, t('gallery.none.clear')));
    }
    const status = lastStatus();
    const link = h('a.button', { href: href({ view: 'status' }) }, t('status.title'));
    if (!status) return h('p.quiet', {}, t('app.loading'));
    // Only the Library page tells what the server says, with its paths and options.
    if (status.model_error) return emptyState(t('gallery.empty.title'), t('gallery.empty.model'), link);
    if (!status.library.online) return emptyState(t('gallery.empty.title'), t('gallery.empty.offline'), link);
    if (status.indexing.state === 'failed' && status.rejected) return emptyState(t('gallery.empty.title'), t('gallery.empty.failed'), link);
    if (['scanning', 'indexing'].includes(status.indexing.state)) return emptyState(t('gallery.empty.title'), t('gallery.empty.indexing'), link);
    return emptyState(t('gallery.empty.title'), t('gallery.empty.text', { name: status.library.name }), link);
  }

  let refreshing; // the timer of the next refresh
  function refreshSoon() {
    refreshing ??= setTimeout(async () => {
      await load({ fresh: true });
      refreshing = undefined;
    }, REFRESH_MS);
  }

  function noticeChange() {
    if (!loaded) return;
    const empty = !grid.listing.ids.length && nothing();
    if (empty && empty.textContent !== place.textContent) place.replaceChildren(empty);
    const filtered = FILTERS.some((key) => params[key]);
    const more = lastStatus().images - grid.listing.total;
    const small = grid.listing.ids.length <= REFRESH_MAX;
    // Where the first status comes after the listing, a large one is taken for new by its count.
    seen ??= small || (more && !filtered) ? '' : revision();
    if (revision() === seen) return;
    if (small) return refreshSoon();
    news.replaceChildren(h('button.pill', { type: 'button', onclick: () => load({ fresh: true }) },
      more > 0 && !filtered ? t('gallery.news', { n: more }) : t('gallery.changed'), ' · ', t('gallery.news.show')));
  }

  const until = new AbortController();
  server.addEventListener('status', noticeChange, { signal: until.signal });
  server.addEventListener('back', () => load({ fresh: true }), { signal: until.signal });
  queryset.addEventListener('change', followSet, { signal: until.signal });
  followSet();
  load();

  return {
    element,
    title: t('gallery.title'),
    keys: { f: filter, Escape: clear },
    shown: settle,
    position: () => ({ anchor: grid.anchor(), y: scrollY, focused: grid.focusedId() }),
    update(next, { restored: back, moved }) {
      params = next;
      returning = back;
      if (moved && !back) scrollTo(0, 0);
      load();
      return true;
    },
    destroy() {
      loading.abort();
      until.abort();
      clearTimeout(refreshing);
      grid.destroy();
      scrubber.destroy();
    },
  };
}

const same = (a, b) => a.ids.length === b.ids.length && a.ids.every((id, i) => id === b.ids[i]);

/** One removable chip for each filter that is on. */
function chips(params) {
  const { part, ...listing } = pick(params, LISTING); // another filter begins at its first part
  const chip = (name, without) =>
    h('a.chip', { href: href({ ...listing, ...without }), 'aria-label': t('filter.chip.remove', { name }) }, h('bdi', {}, name), ' ×');
  return [
    params.from && chip(t('filter.chip.from', { date: date(params.from) }), { from: '' }),
    params.to && chip(t('filter.chip.to', { date: date(params.to) }), { to: '' }),
    params.undated && chip(t('gallery.undated'), { undated: '' }),
    ...(params.format?.split(',') ?? []).map((format, _, all) =>
      chip(format, { format: all.filter((each) => each !== format).join(',') })),
    params.orientation && chip(t(`orientation.${params.orientation}`), { orientation: '' }),
  ].filter(Boolean);
}

