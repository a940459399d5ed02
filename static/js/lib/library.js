/** What the page knows of the library: its images by id, and their order and shapes. */
import { FILTERS, LISTING, pick } from './route.js';
import { get, revision } from './server.js';
import { monthOf, t } from './text.js';

const IMAGES = 3000; // kept
const IDS = 200; // in one request, to keep its URL short
const LISTINGS = 3; // kept
const FIRST = 60; // images of a listing that come ahead of the rest
// Photos on one page. Browsers lay out no more than 17 million pixels: 200,000 photos take 9 million.
const PART = 200_000;

// A small library with few photos a month is grouped by years: months would be mostly headings.
const SMALL = 500;
const FEW = 6;

const known = new Map(); // id → the image, and the revision of the library it is from
const listings = new Map();

/** Keeps image objects that some answer brought along. */
export function remember(images, of = revision()) {
  for (const image of images) {
    known.delete(image.id);
    known.set(image.id, { image, of });
  }
  for (const id of known.keys()) {
    if (known.size <= IMAGES) break;
    known.delete(id);
  }
}

/** Whether browsers can show the original itself. */
export const viewable = (image) => ['JPEG', 'PNG', 'GIF', 'WEBP', 'BMP', 'AVIF'].includes(image.format);

/** What is known of an image; the library may have changed since. */
export const recall = (id) => known.get(id)?.image;

/** The same, if it is sure to be true still: a photo may be replaced in its place. */
export const recallFresh = (id) => (known.get(id)?.of === revision() ? recall(id) : undefined);

/** The URL of an original; another one once the photo has been replaced. */
export const originalOf = ({ original, thumb }) => `${original}?${thumb.split('?')[1]}`;

/** Resolves once every id is known, as of now, that the device still has. */
export async function learn(ids) {
  const missing = ids.filter((id) => !recallFresh(id));
  for (let start = 0; start < missing.length; start += IDS) {
    const page = missing.slice(start, start + IDS);
    const of = revision();
    const { items } = await get('api/images', { ids: page.join(',') });
    for (const id of page) known.delete(id);
    remember(items, of);
  }
}

/** One image; rejects with a 404 ApiError when it is gone. */
export async function image(id, signal) {
  if (!recallFresh(id)) {
    const of = revision();
    remember([await get(`api/images/${id}`, {}, signal)], of);
  }
  return recall(id);
}

const keyOf = (params) => JSON.stringify(pick(params, LISTING));

/** The listing last fetched for these params, if it is still at hand. */
export const recallListing = (params) => listings.get(keyOf(params));

/** The start of a listing, to be shown while the rest of 100,000 images is still under way.
 *
 * It brings the names and thumbnails of its images along, and is all there is to a small listing. */
export async function fetchFirst(params, signal) {
  const { items, total } = await get('api/images', { ...pick(params, LISTING), limit: FIRST }, signal);
  remember(items);
  const listing = listingOf({
    total,
    ids: items.map(({ id }) => id),
    ratios: items.map(ratioOf),
    days: isBy('date', params) && items.map(({ taken_at }) => [taken_at?.slice(0, 10) ?? null, 1]),
    folders: isByFolder(params) && items.map(({ folder }) => [folder, 1]),
  });
  if (total === items.length) keep(params, listing);
  return listing;
}

/** A listing, or the part of it that `params.part` counts from 1; `offset` photos come before it.
 *
 * @returns {Promise<{ids: Int32Array, ratios: Uint16Array, total: number, offset: number, part: number,
 *   parts: number, groups: {start, count, label, year}[]}>} */
export async function fetchListing(params, signal) {
  const part = Math.max(1, parseInt(params.part, 10) || 1);
  const offset = (part - 1) * PART;
  const [layout, folders] = await Promise.all([
    get('api/layout', { ...pick(params, LISTING), offset, limit: PART }, signal),
    fetchFolders(params, signal),
  ]);
  const parts = Math.max(1, Math.ceil(layout.total / PART));
  if (part > parts) return fetchListing({ ...params, part: parts }, signal); // the listing has become shorter
  const here = folders && partOf(folders, offset, layout.ids.length);
  const listing = { ...listingOf({ ...layout, folders: here }), offset, part, parts };
  keep(params, listing);
  return listing;
}

/** How many images each folder has, in the listing's order, where folders are what it is by. */
async function fetchFolders(params, signal) {
  if (!isByFolder(params)) return null;
  const { folders } = await get('api/folders', {}, signal);
  const below = folders.filter(({ folder }) => !params.folder || `${folder}/`.startsWith(`${params.folder}/`));
  if (params.sort === '-folder') below.reverse();
  return below.map(({ folder, images }) => [folder, images]);
}

/** Of runs as [value, count], those of `count` photos after the first `offset`. */
function partOf(pairs, offset, count) {
  const found = [];
  let start = -offset;
  for (const [value, images] of pairs) {
    const here = Math.min(count, start + images) - Math.max(0, start);
    if (here > 0) found.push([value, here]);
    start += images;
  }
  return found;
}

const isBy = (order, { sort }) => (sort || '-date').endsWith(order);

/** By folder, and no other filter leaves some of a folder out. */
const isByFolder = (params) => isBy('folder', params) && !FILTERS.some((key) => key !== 'folder' && params[key]);

function keep(params, listing) {
  const key = keyOf(params);
  listings.delete(key);
  listings.set(key, listing);
  if (listings.size > LISTINGS) listings.delete(listings.keys().next().value);
}

const listingOf = ({ total, ids, ratios, ...runsOf }) => ({
  total,
  ids: Int32Array.from(ids),
  ratios: Uint16Array.from(ratios, (ratio) => Math.min(65535, ratio)),
  groups: groupsOf(ids.length, runsOf),
});

/** 100 · width / height, as listings have it. */
export const ratioOf = ({ width, height }) => Math.round((width * 100) / height);

/** Runs of days become months, or years where a month holds few photos; photos without a date, the last
 * run, and folders stay as they are. */
function groupsOf(total, { days, folders }) {
  if (folders?.length) return runs(folders, (folder) => folder, (folder) => folder || t('filter.folder.top'));
  if (!days?.some?.(([day]) => day)) return total ? [{ start: 0, count: total, label: '' }] : [];
  const named = (nameOf) => (day) => (day ? nameOf(day) : t('gallery.undated'));
  const months = runs(days, (day) => day?.slice(0, 7) ?? '', named(monthOf));
  return total < SMALL && total / months.length < FEW ? runs(days, yearOf, named(yearOf)) : months;
}

/** Neighbouring [value, count] pairs of one key, as groups. */
function runs(pairs, keyOfValue, labelOf) {
  const groups = [];
  let start = 0;
  for (const [value, count] of pairs) {
    const key = keyOfValue(value);
    if (groups.at(-1)?.key === key) groups.at(-1).count += count;
    else groups.push({ key, start, count, label: labelOf(value), year: yearOf(value) });
    start += count;
  }
  return groups;
}

const yearOf = (day) => day?.slice(0, 4) ?? '';
