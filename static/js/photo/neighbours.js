/** What comes before and after a photo: in the matches it was opened from, else in the gallery's order. */
import { fetchListing, learn, recall, recallListing } from '../lib/library.js';
import { presentWalk } from '../lib/walk.js';

/** @returns {Promise<{previous?: number, next?: number, place: number, total: number, walked: boolean}>} `place` from 1;
 *   0 where the photo is in neither */
export async function neighboursOf(id, listing) {
  const walk = presentWalk(id);
  const ids = walk ? walk.map(([each]) => each) : (recallListing(listing) ?? (await fetchListing(listing))).ids;
  const at = ids.indexOf(id);
  const [previous, next] = at < 0 ? [] : [ids[at - 1], ids[at + 1]];
  return { previous, next, place: at + 1, total: ids.length, walked: Boolean(walk) };
}

/** Has their thumbnails at hand, so that turning the page shows something at once. */
export async function fetchAhead({ previous, next }) {
  const near = [previous, next].filter(Boolean);
  await learn(near);
  for (const id of near) new Image().src = recall(id)?.thumb ?? '';
}
