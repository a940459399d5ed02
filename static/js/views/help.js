/** The sheet of keyboard shortcuts. */
import { h } from '../lib/dom.js';
import { openDialog } from '../lib/pieces.js';
import { t } from '../lib/text.js';

const SHORTCUTS = {
  'help.anywhere': [['?', 'key.help'], ['G', 'gallery.title'], ['U', 'upload.title'], ['D', 'duplicates.title'], ['T', 'status.title'], ['F', 'filter.title'], ['S', 'key.set'], ['/', 'key.words'], ['Ctrl V', 'key.paste'], ['Esc', 'key.escape']],
  'help.grid': [['← → ↑ ↓', 'key.move'], ['Home End', 'key.ends'], ['Enter', 'key.open'], ['X', 'key.select'], ['Shift ← →', 'key.extend'], ['-', 'key.less']],
  'help.photo': [['← →', 'key.neighbours'], ['Z', 'photo.zoom'], ['R', 'photo.region'], ['M', 'key.more'], ['O', 'photo.download'], ['I', 'key.details']],
  'help.region': [['← → ↑ ↓', 'key.region.move'], ['Shift ← → ↑ ↓', 'key.region.size'], ['Esc', 'key.region.clear']],
};

export function openHelp() {
  if (document.querySelector('dialog.help')) return;
  openDialog('help', t('help.title'), h('div.body', {}, Object.entries(SHORTCUTS).map(([title, keys]) =>
    h('section', {}, h('h3', {}, t(title)), h('dl', {}, keys.map(([combination, name]) =>
      h('div', {}, h('dt', {}, combination.split(' ').map((key) => h('kbd', {}, key))), h('dd', {}, t(name)))))))));
}
