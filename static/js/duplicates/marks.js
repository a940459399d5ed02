/** The photos that are marked to be moved away: kept by the device, the same in every tab. */
import { toast } from '../lib/pieces.js';
import { get, post } from '../lib/server.js';

const AT_ONCE = 1000; // ids in one request

/** @param {() => void} onChange called whenever the list is another one */
export function createMarks(onChange) {
  let items = new Map();
  const take = (list) => {
    items = new Map(list.map((image) => [image.id, image]));
    onChange();
  };
  return {
    images: () => [...items.values()],
    has: (id) => items.has(id),
    async load(signal) {
      take((await get('api/marks', {}, signal)).items);
    },
    /** Marks these images, or takes the marks off; says so where that did not work. */
    async set(images, on) {
      const ids = images.map(({ id }) => id).filter((id) => items.has(id) !== on);
      try {
        for (let i = 0; i < ids.length; i += AT_ONCE) await post(on ? 'api/marks' : 'api/marks/clear', { ids: ids.slice(i, i + AT_ONCE) });
      } catch (error) {
        toast(error.message);
      }
      if (ids.length) take((await get('api/marks')).items);
    },
  };
}
