/** The sheet of keyboard shortcuts. */
import { h } from './dom.js';
import { openDialog } from './pieces.js';
import { t } from './text.js';

const SHORTCUTS = {
  'help.anywhere': [['?', 'help'], ['G', 'gallery'], ['U', 'upload'], ['D', 'duplicates'], ['T', 'status'], ['F', 'filter'], ['S', 'set'], ['/', 'words'], ['Ctrl V', 'paste']],
  'help.grid': [['← → ↑ ↓', 'move'], ['Home End', 'ends'], ['Enter', 'open'], ['X', 'select'], ['Shift ← →', 'extend'], ['-', 'less']],
  'help.photo': [['← →', 'neighbours'], ['Z', 'zoom'], ['R', 'region'], ['M', 'more'], ['O', 'download'], ['I', 'details'], ['Esc', 'escape']],
  'help.region': [['← → ↑ ↓', 'region.move'], ['Shift ← → ↑ ↓', 'region.size'], ['Esc', 'region.clear']],
};

export function openHelp() {
  if (document.querySelector('dialog.help')) return;
  openDialog('help', t('help.title'), h('div.body', {}, Object.entries(SHORTCUTS).map(([title, keys]) =>
    h('section', {}, h('h3', {}, t(title)), h('dl', {}, keys.map(([combination, name]) =>
      h('div', {}, h('dt', {}, combination.split(' ').map((key) => h('kbd', {}, key))), h('dd', {}, t(`key.${name}`)))))))));
}
