/** What is known of a photo: name, size, date, camera, path. */
import { copyText, h, named } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { toast } from '../lib/pieces.js';
import { href } from '../lib/route.js';
import { bytes, date, dateTime, decimal, score, t } from '../lib/text.js';
import { walkScore } from '../lib/walk.js';

const PULL_PX = 30;

function taken({ taken_at: at, taken_from: from }) {
  if (!at) return t('meta.undated');
  return from === 'name' ? t('meta.date.name', { date: dateTime(at) }) : dateTime(at);
}

export function createDetails(image) {
  const mp = (image.width * image.height) / 1e6;
  const [similarity, band] = walkScore(image.id) ?? [];
  const row = (label, ...value) => [h('dt', {}, label), h('dd', {}, ...value)];
  const copy = h('button.small', { type: 'button', onclick: async () => {
    await copyText(image.path);
    toast(t('meta.copied'));
  } }, icon('copy'), t('meta.copy'));
  return h('details.details', { open: matchMedia('(min-width: 60rem) and (min-height: 60rem)').matches },
    h('summary', {}, h('span', {}, named(image.name), h('span.facts', {}, [image.taken_at ? date(image.taken_at) : t('meta.undated'), image.camera].filter(Boolean).join(' · ')))),
    h('dl', {},
      typeof similarity !== 'number' ? [] : row(t('meta.similarity'), [band && t(`band.${band}`), score(similarity)].filter(Boolean).join(' · ')),
      row(t('meta.size'), [t('meta.size.value', { w: image.width, h: image.height }), mp >= 0.1 && t('meta.size.mp', { mp: decimal(mp) })].filter(Boolean).join(' · ')),
      row(t('meta.bytes'), `${bytes(image.bytes)} · ${image.format}`),
      row(t('meta.date'), taken(image)),
      image.taken_at ? [] : row(t('meta.date.file'), dateTime(image.modified_at)),
      image.raws.length ? row(t('meta.raw'), image.raws.map(({ name, original }) =>
        h('a.raw', { href: `${original}&download=1`, download: name }, named(name)))) : [],
      image.note === 'incomplete' ? row(t('meta.note'), t('meta.note.incomplete')) : [],
      image.camera ? row(t('meta.camera'), h('bdi', {}, image.camera)) : [],
      row(t('meta.folder'), h('a', { href: href({ folder: image.folder }) }, h('bdi', {}, image.folder || t('filter.folder.top')))),
      row(t('meta.path'), named(image.path), ' ', copy)));
}

/** Lets a finger pull the details up out of the bar at the foot of a phone, and push them down again. */
export function pullOpen(dock, details) {
  let from = null;
  dock.addEventListener('touchstart', ({ touches }) => (from = touches.length === 1 ? touches[0].clientY : null), { passive: true });
  dock.addEventListener('touchend', ({ changedTouches }) => {
    const pulled = from === null ? 0 : from - changedTouches[0].clientY;
    const list = details.querySelector('dl');
    if (pulled > PULL_PX) details.open = true;
    else if (pulled < -PULL_PX && list.scrollTop <= 0) details.open = false;
    from = null;
  });
}
