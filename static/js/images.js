/** What the page knows about images, by id: a bounded cache in front of `GET /api/images?ids=`. */
import { get } from './api.js';

const KEPT = 3000;
const PAGE = 200; // ids a request, to keep its URL short
const known = new Map();

/** Keeps image objects that some answer brought along. */
export function remember(images) {
  for (const image of images) {
    known.delete(image.id);
    known.set(image.id, image);
  }
  for (const id of known.keys()) {
    if (known.size <= KEPT) break;
    known.delete(id);
  }
}

export const recall = (id) => known.get(id);

/** Forgets everything: the library has changed. */
export const forget = () => known.clear();

/** Resolves once every id is known that the device still has. */
export async function learn(ids) {
  const missing = ids.filter((id) => !known.has(id));
  for (let start = 0; start < missing.length; start += PAGE) {
    const page = missing.slice(start, start + PAGE);
    remember((await get('api/images', { ids: page.join(',') })).items);
  }
}

/** One image; rejects with a 404 ApiError when it is gone. */
export async function image(id, signal) {
  if (!known.has(id)) remember([await get(`api/images/${id}`, {}, signal)]);
  return known.get(id);
}
