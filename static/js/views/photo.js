/** One photo and what looks like it: the page behind every click. */
import { createDetails } from './details.js';
import { debounce, h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { fetchListing, image as fetchImage, learn, originalOf, recall, recallFresh, recallListing, viewable } from '../lib/library.js';
import { createMatches } from './matches.js';
import { emptyState, failure } from '../lib/pieces.js';
import { mark, marked, queryset } from '../query/queryset.js';
import { go, href, LISTING, note, pick, route, toGallery } from '../lib/route.js';
import { get, lastStatus, server } from '../lib/server.js';
import { createRegionButton, createStage } from '../photo/stage.js';
import { t } from '../lib/text.js';

const ADJUST_MS = 150; // a region still being dragged with the keys is not searched yet

export default function photo(first, { restored } = {}) {
  const element = h('div.photo');
  const view = { element, title: t('matches.title'), keys: {}, destroy, position: () => ({ y: scrollY }) };
  const until = new AbortController();
  let params = first;
  let shown = null;

  function destroy() {
    until.abort();
    shown?.destroy();
  }

  /** Shows the photo anew where it has been replaced in its place. */
  async function followChanges() {
    const { id } = params;
    const { thumb } = shown?.image ?? {};
    const now = thumb && (await fetchImage(Number(id)).catch(() => null));
    if (now && now.thumb !== thumb && params.id === id && !until.signal.aborted) show({ y: scrollY });
  }
  server.addEventListener('status', followChanges, { signal: until.signal });

  async function show(back) {
    const { id } = params;
    try {
      const known = recallFresh(Number(id)) ?? (await fetchImage(Number(id)));
      if (params.id !== id) return;
      shown?.destroy();
      shown = showImage(known, params, back);
      document.title = `${known.name} · ${t('app.name')}`;
      element.replaceChildren(...shown.children);
      shown.start();
    } catch (error) {
      const gone = error.status === 404 || error.status === 400;
      element.replaceChildren(gone
        ? emptyState(t('photo.gone.title'), t('photo.gone.text'), h('a.button', { href: href(pick(params, LISTING)) }, t('photo.gone.back')))
        : failure(error, () => show(back)));
    }
  }

  const run = (name) => () => shown?.actions[name]?.();
  Object.assign(view.keys, {
    ArrowRight: run('next'), ArrowLeft: run('previous'), z: run('zoom'), r: run('region'), m: run('more'),
    o: run('download'), i: run('details'),
  });
  view.title = recall(Number(params.id))?.name ?? t('matches.title');
  view.update = (next, { restored: back, moved }) => {
    const zoomed = next.zoom !== params.zoom && shown && next.id === params.id;
    params = next;
    if (zoomed) shown.zoom(next.zoom === '1');
    else {
      show(back);
      if (moved && !back) scrollTo(0, 0);
    }
    return true;
  };
  show(restored);
  return view;
}

/** The view of one image that is known to exist. */
function showImage(image, params, restored) {
  const listing = pick(params, LISTING);
  let matches;
  const matchPlace = h('div.match-side');
  const notice = h('p.over', { role: 'status' });

  const startMatches = (back) => {
    const { box } = route();
    matches?.destroy();
    matches = createMatches({
      title: t(box ? 'matches.region' : 'matches.title'),
      key: `similar ${image.thumb} ${box ?? ''}`,
      search: (query, signal) => get(`api/images/${image.id}/similar`, { ...query, box }, signal),
      restored: back,
    });
    matchPlace.replaceChildren(matches.element);
    matches.start();
  };

  const searchSoon = debounce(() => startMatches(), ADJUST_MS);
  const setBox = (box) => {
    note({ ...route(), box });
    regionButton.draw();
    searchSoon();
  };

  const setZoom = (on) => go({ ...route(), zoom: on ? '1' : '' });
  const offline = image.offline || lastStatus()?.library.online === false;
  const stage = createStage({
    width: image.width, height: image.height, name: image.name, preview: image.thumb,
    src: image.preview, instead: offline || !viewable(image) ? null : originalOf(image), box: params.box,
    onBox: setBox,
    onZoom: () => setZoom(true),
    onSwipe: (step) => turn(step),
    onShown: (on) => (notice.textContent = offline ? t('photo.offline') : on ? '' : t('photo.failed')),
  });
  if (offline) notice.textContent = t('photo.offline');
  stage.element.append(notice);

  // --- neighbours in the gallery's order ----------------------------------------------------
  let neighbours = {}; // step → id
  const turn = (step) => neighbours[step] && go({ ...listing, view: 'similar', id: neighbours[step] }, { replace: true });
  const neighbour = (label, name, step) => h('a.nav', { 'aria-label': label, title: label, onclick: (event) => {
    event.preventDefault();
    turn(step);
  } }, icon(name));
  const previous = neighbour(t('photo.previous'), 'left', -1);
  const next = neighbour(t('photo.next'), 'right', 1);
  const findNeighbours = async () => {
    const { ids } = recallListing(listing) ?? (await fetchListing(listing));
    const at = ids.indexOf(image.id);
    neighbours = at < 0 ? {} : { [-1]: ids[at - 1], 1: ids[at + 1] };
    for (const [link, step] of [[previous, -1], [next, 1]]) {
      if (neighbours[step]) link.href = href({ ...listing, view: 'similar', id: neighbours[step] });
    }
    // Turning the page then shows something at once.
    const near = Object.values(neighbours).filter(Boolean);
    await learn(near);
    for (const id of near) new Image().src = recall(id)?.thumb ?? '';
  };
  const close = (event) => {
    event.preventDefault();
    toGallery(listing);
  };

  // --- what can be done with it -----------------------------------------------------------------
  const button = (name, label, onclick) => h('button.action', { type: 'button', onclick, title: label }, icon(name), h('span', {}, label));
  const regionButton = createRegionButton(() => stage.region);
  const addButton = button('plus', t('photo.more'), () => mark([image.id], marked(image.id) ? null : 'more'));
  const showMark = () => {
    const on = Boolean(marked(image.id));
    addButton.setAttribute('aria-pressed', String(on));
    addButton.replaceChildren(icon(on ? 'check' : 'plus'), h('span', {}, t(on ? 'photo.less' : 'photo.more')));
  };
  queryset.addEventListener('change', showMark);
  showMark();
  regionButton.draw();
  const download = h('a.action', { href: `${image.original}?download=1`, download: image.name, title: t('photo.download') }, icon('download'), h('span', {}, t('photo.download')));
  const details = createDetails(image);

  let overlay = null;
  const unzoom = () => (history.state.depth ? history.back() : go({ ...route(), zoom: '' }, { replace: true }));
  const zoom = async (on) => {
    const open = overlay;
    overlay = null; // so that its close event, which comes later, isn't taken for the reader's
    if (!on) return open?.close();
    const { openZoom } = await import('../photo/zoom.js');
    const opened = (overlay = openZoom(image, () => opened === overlay && unzoom()));
  };

  return {
    image,
    children: [
      h('div.photo-side', {},
        h('div.top', {}, h('h1.visually-hidden', {}, image.name),
          h('a.nav.back', { href: href(listing), 'aria-label': t('photo.back'), title: t('photo.back'), onclick: close }, icon('close')), previous, next),
        stage.element,
        h('div.actions', {}, regionButton,
          button('zoom', t('photo.zoom'), () => setZoom(true)), download, addButton),
        details),
      matchPlace,
    ],
    start() {
      startMatches(restored);
      findNeighbours().catch(() => {}); // without them the photo is still there
      if (params.zoom === '1') zoom(true);
    },
    zoom,
    actions: {
      next: () => turn(1), previous: () => turn(-1), zoom: () => setZoom(true), region: () => regionButton.click(),
      more: () => addButton.click(), download: () => download.click(), details: () => (details.open = !details.open),
    },
    destroy() {
      stage.destroy();
      matches?.destroy();
      searchSoon.cancel();
      queryset.removeEventListener('change', showMark);
      zoom(false);
    },
  };
}

