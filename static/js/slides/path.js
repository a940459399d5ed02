/** Which photo comes next in a slideshow: that of a list, or on a drift one like the last that was not shown before. */
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
  const gone = []; // ids shown, the present one last
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

  /** A photo like the last one; where all that is near was shown, any of the list. */
  async function drifted(signal) {
    const last = gone.at(-1);
    for (const k of NEAR) {
      const { items } = await get(`api/images/${last}/similar`, { k, collapse: 1, ...pick(params, FILTERS) }, signal);
      const next = items.find(({ id }) => !seen.has(id));
      if (next) return next.id;
      if (items.length < k) break;
    }
    seen.clear();
    return list[Math.floor(Math.random() * list.length)];
  }

  return {
    /** The image `by` steps on; rejects with an error that is `empty` when there is none at all. */
    async step(by, signal) {
      if (!list) {
        list = await idsOf(signal);
        if (!list.length) throw Object.assign(new Error(t('slides.none')), { empty: true });
        const start = list.indexOf(Number(params.id));
        at = start < 0 ? 0 : start;
        gone.push(list[at]);
        return arrive(list[at], signal);
      }
      if (!params.drift) {
        at = (at + by + list.length) % list.length;
        return arrive(list[at], signal);
      }
      if (by < 0) {
        if (gone.length > 1) gone.pop();
      } else gone.push(await drifted(signal));
      return arrive(gone.at(-1), signal);
    },
  };
}
