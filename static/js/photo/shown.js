/** The view of one image that is known to exist: itself, its tools and details, and its matches. */
import { createDetails, pullOpen } from '../views/details.js';
import { addStyle, debounce, h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { originalOf, recall, viewable } from '../lib/library.js';
import '../lib/download.js';
import { createMatches } from '../views/matches.js';
import { fetchAhead, neighboursOf } from './neighbours.js';
import { mark, marked, queryset } from '../query/queryset.js';
import { back, go, href, LISTING, note, pick, route, toOrigin } from '../lib/route.js';
import { get, lastStatus } from '../lib/server.js';
import { createRegionButton, createStage } from './stage.js';
import { number, t } from '../lib/text.js';

const TWICE = 2.5; // how far a double tap zooms
const ADJUST_MS = 150; // a region still being dragged with the keys is not searched yet

export function showImage(image, params, restored) {
  const listing = pick(params, LISTING);
  const matchPlace = h('div.match-side');
  const notice = h('p.over', { role: 'status' });
  let matches;

  const startMatches = (returned) => {
    const { box } = route();
    matches?.destroy();
    matches = createMatches({
      title: t(box ? 'matches.region' : 'matches.title'),
      key: `similar ${image.thumb} ${box ?? ''}`,
      search: (query, signal) => get(`api/images/${image.id}/similar`, { ...query, box }, signal),
      restored: returned,
      slides: { ...listing, of: image.id },
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

  // --- what comes before and after it ---------------------------------------------------------
  let near = {};
  const idAt = (step) => (step < 0 ? near.previous : near.next);
  const turn = (step) => idAt(step) && go({ ...listing, view: 'similar', id: idAt(step), zoom: route().zoom }, { replace: true });
  const neighbour = (label, name, step) => h('a.nav', { 'aria-label': label, title: label, onclick: (event) => {
    event.preventDefault();
    turn(step);
  } }, icon(name));
  const previous = neighbour(t('photo.previous'), 'left', -1);
  const next = neighbour(t('photo.next'), 'right', 1);
  const place = h('span.place-of');
  const findNeighbours = async () => {
    near = await neighboursOf(image.id, listing);
    for (const [link, step] of [[previous, -1], [next, 1]]) {
      if (idAt(step)) link.href = href({ ...listing, view: 'similar', id: idAt(step) });
    }
    if (near.place) place.textContent = t(near.walked ? 'photo.place.match' : 'photo.place', { at: number(near.place), of: number(near.total) });
    await fetchAhead(near);
  };
  const close = () => toOrigin(listing);

  // --- the photo ------------------------------------------------------------------------------
  let zoomAt; // where fingers asked for it
  const setZoom = (on, at) => {
    // The second of two quick taps may come before the first has opened anything.
    zoomAt = at && zoomAt ? { ...at, factor: TWICE } : at;
    if (route().zoom === '1') return;
    go({ ...route(), zoom: on ? '1' : '' });
  };
  const offline = image.offline || lastStatus()?.library.online === false;
  const stage = createStage({
    width: image.width, height: image.height, name: image.name, preview: image.thumb,
    src: image.preview, instead: offline || !viewable(image) ? null : originalOf(image), box: params.box,
    onBox: setBox,
    onZoom: (at) => setZoom(true, at),
    fingers: { thumbOf: (step) => idAt(step) && recall(idAt(step))?.thumb, onTurn: turn, onClose: close },
    onShown: (on) => (notice.textContent = offline ? t('photo.offline') : on ? '' : t('photo.failed')),
  });
  if (offline) notice.textContent = t('photo.offline');
  stage.element.append(notice);

  let overlay = null;
  let zoomed = false; // or about to be
  const unzoom = () => {
    const whole = { ...route(), zoom: '' };
    if (history.state.depth) back(whole);
    else go(whole, { replace: true });
  };
  const zoom = async (on) => {
    const open = overlay;
    zoomed = on;
    overlay = null; // so that its close event, which comes later, isn't taken for the reader's
    if (!on) return open?.close();
    const [code] = (await Promise.all([import('./zoom.js'), addStyle('css/more.css')]).catch(unzoom)) ?? [];
    if (!zoomed || overlay || !code) return;
    const opened = (overlay = code.openZoom(image, { onClose: () => opened === overlay && unzoom(), onTurn: turn, at: zoomAt }));
    zoomAt = undefined;
  };

  // --- what can be done with it ---------------------------------------------------------------
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
  const dock = h('div.dock', {},
    h('div.actions', {}, regionButton, button('zoom', t('photo.zoom'), () => setZoom(true)), download, addButton),
    details);
  pullOpen(dock, details);

  return {
    image,
    children: [
      h('div.photo-side', {},
        h('div.top', {}, h('h1.visually-hidden', {}, image.name),
          h('a.nav.back', { href: href(listing), 'aria-label': t('photo.back'), title: t('photo.back'), onclick: (event) => {
            event.preventDefault();
            close();
          } }, icon('close')), place, previous, next),
        stage.element, dock),
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
      escape: () => (stage.region.box ? stage.region.clear() : details.open && getComputedStyle(dock).position === 'fixed' ? (details.open = false) : close()),
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
