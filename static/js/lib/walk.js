/** The matches that a photo was opened from: next and previous go through them. Kept for the tab's life. */
const STORE = 'walks';
const KEPT = 12;

const walks = new Map(JSON.parse(sessionStorage.getItem(STORE) ?? '[]')); // name → [id, score, band][]

/** Keeps a list of [id, score, band]; its name goes into the history entry of the photo that is opened. */
export function keepWalk(pairs) {
  const name = `${Date.now().toString(36)}`;
  walks.set(name, pairs);
  if (walks.size > KEPT) walks.delete(walks.keys().next().value);
  sessionStorage.setItem(STORE, JSON.stringify([...walks]));
  return name;
}

/** The walk of the present history entry, if this photo is in it. */
export function presentWalk(id) {
  const walk = walks.get(history.state.walk);
  return walk?.some(([each]) => each === id) ? walk : null;
}

/** How this photo scored among the matches it was opened from: [score, band]. */
export const walkScore = (id) => presentWalk(id)?.find(([each]) => each === id).slice(1);
