/** One group of duplicates: its photos side by side, what differs, and which one is best. */
import { h, named } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { href } from '../lib/route.js';
import { bytes, date, percent, score, t } from '../lib/text.js';

/** The copy to keep, as the device proposes it; where it proposes none, differences are from the first photo. */
export const bestOf = ({ images, keep, keep_reason: reason }) => ({
  image: images.find(({ id }) => id === keep) ?? images[0],
  reason: keep === null ? null : reason, // no reason, no proposal
});

/** @param {{marks: object, dismiss: (group: object) => void}} does */
export function createCard(group, index, { marks, dismiss }) {
  const compare = async () => (await import('./compare.js')).openCompare(group, marks);
  return h('section.dupes', { 'aria-label': t('duplicates.group', { n: index + 1 }) },
    h('header', {}, group.keep_reason === 'unknown' && h('small', {}, t('duplicates.best.unknown')), h('button.small', { type: 'button', onclick: compare }, icon('compare'), t('duplicates.compare')),
      h('button.plain', { type: 'button', onclick: () => dismiss(group) }, t('duplicates.dismiss'))),
    h('ul', {}, group.images.map((image) => photo(image, group, marks))));
}

function photo(image, group, marks) {
  const { image: best, reason } = group.best;
  const isBest = Boolean(reason) && image.id === best.id;
  return h(`li${isBest ? '.best' : ''}`, {},
    h('a', { href: href({ view: 'similar', id: image.id }), 'aria-label': image.name, title: image.name }, h('img', { src: image.thumb, alt: '', loading: 'lazy', draggable: 'false' })),
    h('div.about', {}, named(image.name), h('small', {}, h('bdi', {}, image.folder || t('filter.folder.top')), ` · ${image.taken_at ? date(image.taken_at) : t('meta.undated')}`),
      h('span', {}, `${image.width} × ${image.height} · ${bytes(image.bytes)}`),
      h('span.difference', {}, isBest ? t('duplicates.best', { reason: t(`duplicates.best.${reason}`) }) : difference(image, group)),
      markBox(image, marks)));
}

/** A box that marks a photo to be moved away. */
export function markBox(image, marks) {
  const box = h('input', { type: 'checkbox', checked: marks.has(image.id), 'aria-label': t('duplicates.list.label', { name: image.name }), onchange: async () => {
    await marks.set([image], box.checked);
    box.checked = marks.has(image.id);
  } });
  return h('label.option', {}, box, h('span', {}, t('duplicates.list')));
}

/** How a photo falls short of the best of its group, in words. */
function difference(image, { best: { image: top }, kind }) {
  if (kind === 'identical' || image === top) return '';
  const pixels = (image.width * image.height) / (top.width * top.height);
  const size = image.bytes / top.bytes;
  return [
    pixels < 0.995 ? t('duplicates.fewer', { percent: percent(1 - pixels) }) : pixels < 1.005 && t('duplicates.samepixels'),
    size < 0.995 && t('duplicates.smaller', { percent: percent(1 - size) }),
    kind === 'alike' && t('duplicates.score', { score: score(image.score) }),
  ].filter(Boolean).join(' · ');
}
