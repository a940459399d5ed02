/** Which photo comes next in a slideshow: of a list, or on a drift one like the last, not shown before. */
import { fetchListing, image as fetchImage, remember } from '../lib/library.js';
import { FILTERS, pick } from '../lib/route.js';
import { get } from '../lib/server.js';
import { t } from '../lib/text.js';

const OF = 100; // matches in a slideshow of one photo's
const NEAR = [20, 200]; // matches among which a drift looks for one that is new
const REMEMBERED = 5000; // photos that a drift does not show again

/** @param {{id?: string, of?: string, ids?: string, drift?: string}} params of the URL, with the gallery's filters: the
 *   list is `ids`, the matches of `of`, or the gallery; it begins at `id` */
export function createPath(params) {
  const gone = []; // ids that a drift has shown, or else only the present one
  const seen = new Set();
  let list = null;
  let at = -1;

  const arrive = async (id, signal) => {
    const image = await fetchImage(id, signal);
    seen.add(id);
    if (seen.size > REMEMBERED) seen.delete(seen.values().next().value);
    return image;
  };

  async function idsOf(signal) {
    if (params.ids) return params.ids.split(',').map(Number).filter(Boolean);
    if (!params.of) return (await fetchListing(params, signal)).ids;
    const { items } = await get(`api/images/${params.of}/similar`, { k: OF, collapse: 1 }, signal);
    remember(items.map(({ score, band, folded, ...image }) => image));
    return [Number(params.of), ...items.map(({ id }) => id)];
  }

  /** The list as it is now: a frame hangs for weeks. */
  async function renew(signal) {
    list = await idsOf(signal);
    if (!list.length) throw Object.assign(new Error(t('slides.none')), { empty: true });
  }

  /** A photo like the last one; any of the list where that has gone, or all that is near was shown. */
  async function drifted(signal) {
    const last = gone.at(-1);
    for (const k of NEAR) {
      const { items } = await get(`api/images/${last}/similar`, { k, collapse: 1, ...pick(params, FILTERS) }, signal)
        .catch((error) => {
          if (error.status !== 404) throw error;
          return { items: [] };
        });
      const next = items.find(({ id }) => !seen.has(id));
      if (next) return next.id;
      if (items.length < k) break;
    }
    seen.clear();
    await renew(signal);
    const others = list.filter((id) => id !== last);
    return others[Math.floor(Math.random() * others.length)] ?? last;
  }

  return {
    /** The image `by` steps on; rejects with an error that is `empty` when there is none at all. */
    async step(by, signal) {
      if (!params.drift || !gone.length) {
        if (list?.[at + by]) at += by;
        else { // it begins, or has gone round
          await renew(signal);
          at = gone.length ? (by < 0 ? list.length - 1 : 0) : Math.max(0, list.indexOf(Number(params.id)));
        }
        gone[0] = list[at];
      } else if (by > 0) gone.push(await drifted(signal));
      else if (gone.length > 1) gone.pop();
      if (gone.length > REMEMBERED) gone.shift();
      return arrive(gone.at(-1), signal);
    },
  };
}
