/** The URL is the page's state: what is shown, filtered and searched is in the query string.
 *
 * Query strings are relative, so the page works under any sub-path. */
/** What narrows and orders the gallery; carried along from view to view. */
export const FILTERS = ['folder', 'from', 'to', 'undated', 'format', 'orientation'];
export const LISTING = ['sort', 'part', ...FILTERS];

let onRoute = () => {};
let step = null; // through the history, until it arrives: {depth, params, then} to show there and then
let present; // the history entry whose state is on show; the URL may be that of another one, under way
const positions = new Map(JSON.parse(sessionStorage.positions ?? '[]'));

/** The state in the address bar, as an object of strings. */
export const route = () => Object.fromEntries(new URLSearchParams(location.search));

/** The part of `params` named by `keys`. */
export const pick = (params, keys) =>
  Object.fromEntries(keys.filter((key) => params[key]).map((key) => [key, params[key]]));

/** `?a=1&b=2`, without the empty values; '' when there is none. */
export function queryOf(params) {
  const kept = Object.entries(params).filter(([, value]) => value !== undefined && value !== null && value !== '');
  return kept.length ? `?${new URLSearchParams(kept)}` : '';
}

/** The relative URL of a state. */
export const href = (params) => queryOf(params) || './';

/** Shows another state; `replace` when going back should skip the present one. `walk` is the list of matches that a
 * photo is opened from. */
export function go(params, { replace = false, walk } = {}) {
  if (step) return (step.then = () => go(params, { replace, walk }));
  if (replace && !isShown()) return; // asked for by what makes way for another
  // What is asked for twice, as by a double click, is one step.
  if (replace || href(params) === href(route())) history.replaceState(history.state, '', href(params));
  else history.pushState(stateAfter(history.state, params, walk), '', href(params));
  onRoute({ restored: undefined, moved: !replace });
}

/** Back to where the reader opened a photo, or else to the last gallery, as they were left; or to this gallery. */
export function toOrigin(params) {
  if (step?.params) return (step.then = () => toOrigin(params));
  const { depth, origin, gallery } = history.state;
  const by = (origin ?? gallery) - depth;
  if (by) travel(by);
  else go(params);
}

/** One step back, where `params`, if given, are then shown whatever was there. */
export const back = (params) => travel(-1, params);

function travel(by, params) {
  if (step) return; // a second one would go beyond it
  const mine = (step = { depth: history.state.depth + by, params });
  history.go(by);
  setTimeout(() => {
    if (step !== mine) return;
    step = null;
    if (mine.then) mine.then();
    else go(params ?? {}, { replace: true });
  }, 2000); // browsers forget entries
}

/** Whether a state is the gallery, with its folders beside it or without. */
export const isGallery = ({ view }) => !view || view === 'folders';

/** Says that what the URL asks for is on show. */
export const arrived = () => (present = history.state.key);

const isShown = () => history.state.key === present;

/** Changes the URL without showing anything: the view already shows it, and does not yet make way for another. */
export const note = (params) => isShown() && history.replaceState(history.state, '', href(params));

/** Remembers where the reader was in the history entry that is being left. */
export function keepPosition(position) {
  positions.delete(present);
  positions.set(present, position);
  if (positions.size > 200) positions.delete(positions.keys().next().value);
}

/** Calls `listener({restored, moved})` now and whenever the state changes. */
export function start(listener, leaving) {
  onRoute = listener;
  history.scrollRestoration = 'manual';
  firstState();
  addEventListener('popstate', () => {
    firstState(); // there is none where the reader edited the address
    const { depth, params, then } = step ?? {};
    step = null;
    if (params && depth === history.state.depth) history.replaceState(history.state, '', href(params));
    onRoute({ restored: positions.get(history.state.key), moved: true });
    then?.();
  });
  addEventListener('click', follow);
  addEventListener('pagehide', () => {
    leaving();
    sessionStorage.positions = JSON.stringify([...positions]);
  });
  onRoute({ restored: positions.get(history.state.key), moved: true });
}

/** A history entry knows how deep it lies, and how deep the last gallery before it; that of a photo also knows how deep
 * it was opened, and the walk through the matches there. */
function stateAfter({ depth, gallery, walk, origin }, params, walked) {
  const present = route();
  const same = present.view === params.view && present.id === params.id; // as when it is zoomed
  return {
    key: newKey(),
    depth: depth + 1,
    gallery: isGallery(present) ? depth : gallery,
    ...(same ? { walk, origin } : params.view === 'similar' && { walk: walked, origin: depth }),
  };
}

const firstState = () => history.state?.key || history.replaceState({ key: newKey(), depth: 0 }, '');

const newKey = () => `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 6)}`;

function follow(event) {
  const link = event.target.closest?.('a[href]');
  const plain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute('download')) return;
  const target = new URL(link.href);
  if (target.origin !== location.origin || target.pathname !== location.pathname) return;
  event.preventDefault();
  if (event.detail > 1) return; // of a double click, the second is where the link was
  go(Object.fromEntries(target.searchParams), { walk: link.dataset.walk });
}
