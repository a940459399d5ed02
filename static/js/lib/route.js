/** The URL is the page's state: what is shown, filtered and searched is in the query string.
 *
 * Query strings are relative, so the page works under any sub-path. */
/** What narrows and orders the gallery; carried along from view to view. */
export const FILTERS = ['folder', 'from', 'to', 'undated', 'format', 'orientation'];
export const LISTING = ['sort', 'part', ...FILTERS];
const POSITIONS = 'positions';

let onRoute = () => {};
let step = null; // through the history, until it arrives: a second one would go beyond it; {params} as in back()
const positions = new Map(JSON.parse(sessionStorage.getItem(POSITIONS) ?? '[]'));

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
  if (replace) history.replaceState(history.state, '', href(params));
  else {
    step = null; // forgotten by some browsers
    history.pushState(stateAfter(history.state, params, walk), '', href(params));
  }
  onRoute({ restored: undefined, moved: !replace });
}

/** Back to the matches or the gallery that the reader came from, as they were left, or to this gallery. */
export function toOrigin(params) {
  if (step?.params) return addEventListener('popstate', () => toOrigin(params), { once: true });
  const { depth, origin, gallery } = history.state;
  const to = origin ?? gallery;
  if (to === undefined) go(params);
  else travel(to - depth);
}

/** One step back, where `params`, if given, are then shown whatever was there. */
export const back = (params) => travel(-1, params);

function travel(by, params) {
  if (!step) history.go(by);
  step ??= { params };
}

/** Whether a state is the gallery, with its folders beside it or without. */
export const isGallery = ({ view }) => !view || view === 'folders';

/** Changes the URL without showing anything: the view already shows it. */
export const note = (params) => history.replaceState(history.state, '', href(params));

/** Remembers where the reader was in the history entry that is being left. */
export function keepPosition(key, position) {
  positions.delete(key);
  positions.set(key, position);
  if (positions.size > 200) positions.delete(positions.keys().next().value);
}

export const entry = () => history.state.key;

/** Calls `listener({restored, moved})` now and whenever the state changes. */
export function start(listener, leaving) {
  onRoute = listener;
  history.scrollRestoration = 'manual';
  firstState();
  addEventListener('popstate', () => {
    firstState(); // there is none where the reader edited the address
    if (step?.params) history.replaceState(history.state, '', href(step.params));
    step = null;
    onRoute({ restored: positions.get(entry()), moved: true });
  });
  addEventListener('click', follow);
  addEventListener('pagehide', () => {
    leaving();
    sessionStorage.setItem(POSITIONS, JSON.stringify([...positions]));
  });
  onRoute({ restored: positions.get(entry()), moved: true });
}

/** A history entry knows how deep it lies, and how deep the last gallery before it; that of a match also knows the walk
 * through the matches, and how deep they lie. */
function stateAfter({ depth, gallery, walk, origin }, params, walked) {
  const present = route();
  const same = present.view === params.view && present.id === params.id; // as when it is zoomed
  return {
    key: newKey(),
    depth: depth + 1,
    gallery: isGallery(present) ? depth : gallery,
    ...(walked ? { walk: walked, origin: depth } : same && { walk, origin }),
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
  if (target.hash && target.search === location.search) return; // the skip link
  event.preventDefault();
  go(Object.fromEntries(target.searchParams), { walk: link.dataset.walk });
}
