/** The photos chosen to search by: some to find more like, some less. Kept for the tab's life. */
import { lastStatus } from '../lib/server.js';

const STORE = 'queryset';

/** How many photos one query may hold; the device says so once it has answered. */
export const mostInQuery = () => lastStatus()?.limits.query_images ?? Infinity;

/** Fires `change`. */
export const queryset = new EventTarget();

const marks = new Map(JSON.parse(sessionStorage.getItem(STORE) ?? '[]')); // id → 'more' | 'less'

export const marked = (id) => marks.get(id);
export const chosen = () => [...marks.keys()];
export const chosenAs = (mark) => chosen().filter((id) => marks.get(id) === mark);

/** Marks ids as 'more', 'less' or, with null, not at all. Returns false when that would be too many. */
export function mark(ids, as) {
  const added = ids.filter((id) => !marks.has(id)).length;
  if (as && marks.size + added > mostInQuery()) return false;
  for (const id of ids) {
    if (as) marks.set(id, as);
    else marks.delete(id);
  }
  changed();
  return true;
}

/** Makes the set exactly this, as when a URL says so. */
export function adopt(more, less) {
  const wanted = [...more.map((id) => [id, 'more']), ...less.map((id) => [id, 'less'])].slice(0, mostInQuery());
  if (JSON.stringify(wanted) === JSON.stringify([...marks])) return;
  marks.clear();
  for (const [id, as] of wanted) marks.set(id, as);
  changed();
}

export const clear = () => adopt([], []);

function changed() {
  sessionStorage.setItem(STORE, JSON.stringify([...marks]));
  queryset.dispatchEvent(new Event('change'));
}
