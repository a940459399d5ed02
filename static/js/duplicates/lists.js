/** What was decided: photos marked to be moved away, and groups that are no duplicates. */
import { copyText, h, named } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { emptyState, toast } from '../lib/pieces.js';
import { href } from '../lib/route.js';
import { get, post } from '../lib/server.js';
import { bytes, t } from '../lib/text.js';

const thumb = (image) => h('a', { href: href({ view: 'similar', id: image.id }), 'aria-label': image.name, title: image.name }, h('img', { src: image.thumb, alt: '', loading: 'lazy', draggable: 'false' }));

/** The marked photos, and the ways out. */
export function markedList(marks) {
  const images = marks.images();
  if (!images.length) return emptyState(t('duplicates.marked.none'), t('duplicates.listed.none'));
  const copy = async () => {
    await copyText(images.map(({ path }) => `${path}\n`).join(''));
    toast(t('duplicates.copied', { n: images.length }));
  };
  const list = h('ul.marked', {}, images.map((image) => {
    const row = h('li', {}, thumb(image), h('div', {}, named(image.path), ' ', h('small', {}, bytes(image.bytes))),
      h('button.small', { type: 'button', 'aria-label': t('duplicates.unmark', { name: image.name }), onclick: async () => {
        await marks.set([image], false);
        if (marks.has(image.id)) return;
        (row.nextElementSibling ?? row.previousElementSibling)?.querySelector('button').focus();
        row.remove();
      } }, icon('close')));
    return row;
  }));
  const file = (path, name, label) => h('a.button.quiet-button', { href: path, download: name }, icon('download'), label);
  return h('div', {}, h('p.actions', {}, h('button', { type: 'button', onclick: copy }, icon('copy'), t('duplicates.copy')),
    file('api/marks/paths', 'marked.txt', t('duplicates.download')), file('api/marks/script', 'move-marked.sh', t('duplicates.script')), file('api/marks', 'marked.json', 'JSON')), list);
}

/** The groups that were said to be none, each with the way back. */
export async function dismissedList(onRestored, signal) {
  const { groups } = await get('api/duplicates/dismissed', {}, signal);
  if (!groups.length) return emptyState(t('duplicates.dismissed.none'));
  return h('div.groups', {}, groups.map(({ images }) => h('section.dupes', { 'aria-label': images[0].name },
    h('header', {}, h('button', { type: 'button', onclick: async () => {
      await post('api/duplicates/restore', { ids: images.map(({ id }) => id) }).catch((error) => toast(error.message));
      onRestored();
    } }, t('duplicates.restore'))),
    h('ul', {}, images.map((image) => h('li', {}, thumb(image), named(image.path)))))));
}
