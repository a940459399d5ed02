/** What is known of a photo: name, size, date, camera, path. */
import { copyText, h, named } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { toast } from '../lib/pieces.js';
import { href } from '../lib/route.js';
import { bytes, date, dateTime, decimal, t } from '../lib/text.js';

export function createDetails(image) {
  const dated = image.taken_from !== 'file' ? 'meta.date' : 'meta.date.file';
  const mp = (image.width * image.height) / 1e6;
  const row = (label, ...value) => [h('dt', {}, label), h('dd', {}, ...value)];
  const copy = h('button.small', { type: 'button', onclick: async () => {
    await copyText(image.path);
    toast(t('meta.copied'));
  } }, icon('copy'), t('meta.copy'));
  return h('details.details', { open: matchMedia('(min-width: 60rem) and (min-height: 60rem)').matches },
    h('summary', {}, h('span', {}, named(image.name), h('span.facts', {}, [image.taken_from === 'file' ? t('meta.undated') : date(image.taken_at), image.camera].filter(Boolean).join(' · ')))),
    h('dl', {},
      row(t('meta.size'), [t('meta.size.value', { w: image.width, h: image.height }), mp >= 0.1 && t('meta.size.mp', { mp: decimal(mp) })].filter(Boolean).join(' · ')),
      row(t('meta.bytes'), `${bytes(image.bytes)} · ${image.format}`),
      row(t(dated), dateTime(image.taken_at)),
      image.note === 'incomplete' ? row(t('meta.note'), t('meta.note.incomplete')) : [],
      image.camera ? row(t('meta.camera'), h('bdi', {}, image.camera)) : [],
      row(t('meta.folder'), h('a', { href: href({ folder: image.folder }) }, h('bdi', {}, image.folder || t('filter.folder.top')))),
      row(t('meta.path'), named(image.path), ' ', copy)));
}
