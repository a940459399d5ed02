/** The photos chosen to search by: some to find more like, some less. Kept for the tab's life. */
const STORE = 'queryset';
export const LIMIT = 64; // query_images on the device

/** Fires `change`. */
export const queryset = new EventTarget();

const marks = new Map(JSON.parse(sessionStorage.getItem(STORE) ?? '[]')); // id → 'more' | 'less'

export const marked = (id) => marks.get(id);
export const chosen = () => [...marks.keys()];
export const chosenAs = (mark) => chosen().filter((id) => marks.get(id) === mark);

/** Marks ids as 'more', 'less' or, with null, not at all. Returns false when that would be too many. */
export function mark(ids, as) {
  const added = ids.filter((id) => !marks.has(id)).length;
  if (as && marks.size + added > LIMIT) return false;
  for (const id of ids) {
    if (as) marks.set(id, as);
    else marks.delete(id);
  }
  changed();
  return true;
}

/** Makes the set exactly this, as when a URL says so. */
export function adopt(more, less) {
  const wanted = [...more.map((id) => [id, 'more']), ...less.map((id) => [id, 'less'])].slice(0, LIMIT);
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
