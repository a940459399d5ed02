/** The order and shape of all images under some sort and filters: `GET /api/layout`. */
import { get } from './api.js';
import { LISTING, pick } from './route.js';
import { monthOf } from './text.js';

const KEPT = 3;
const kept = new Map();

const keyOf = (params) => JSON.stringify(pick(params, LISTING));

/** The listing last fetched for these params, if it is still at hand. */
export const recallListing = (params) => kept.get(keyOf(params));

/** @returns {Promise<{ids: Int32Array, ratios: Uint16Array, groups: {start, count, label, year}[]}>} */
export async function fetchListing(params, signal) {
  const answer = await get('api/layout', pick(params, LISTING), signal);
  const listing = {
    ids: Int32Array.from(answer.ids),
    ratios: Uint16Array.from(answer.ratios, (ratio) => Math.min(65535, ratio)),
    groups: groupsOf(answer),
  };
  const key = keyOf(params);
  kept.delete(key);
  kept.set(key, listing);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  return listing;
}

/** Runs of days are shown by the month; runs of folders as they are; else one run without a label. */
function groupsOf({ total, days, folders }) {
  const groups = [];
  let start = 0;
  const add = (id, count, label) => {
    const last = groups.at(-1);
    if (last?.id === id) last.count += count;
    else groups.push({ id, start, count, label: label(), year: id.slice(0, 4) });
    start += count;
  };
  if (days?.length) for (const [day, count] of days) add(day.slice(0, 7), count, () => monthOf(day));
  else if (folders?.length) for (const [folder, count] of folders) add(folder, count, () => folder);
  else if (total) add('', total, () => '');
  return groups;
}
