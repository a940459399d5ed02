/** What can be done: by gestures on a touch screen, by keys elsewhere; and what the bar on a match means. */
import { h } from '../lib/dom.js';
import { openDialog } from '../lib/pieces.js';
import { t } from '../lib/text.js';

const GESTURES = ['tap', 'swipe', 'pull', 'pinch', 'up', 'press'];
const BANDS = ['almost_same', 'very_similar', 'similar', 'less_similar'];
const SHORTCUTS = {
  'help.anywhere': [['?', 'key.help'], ['G', 'gallery.title'], ['U', 'upload.title'], ['D', 'duplicates.title'], ['T', 'status.title'], ['F', 'filter.title'], ['S', 'key.set'], ['/', 'key.words'], ['Ctrl V', 'key.paste'], ['Esc', 'key.escape']],
  'help.grid': [['← → ↑ ↓', 'key.move'], ['Home End', 'key.ends'], ['Enter', 'key.open'], ['X', 'key.select'], ['Shift ← →', 'key.extend'], ['-', 'key.less']],
  'help.photo': [['← →', 'key.neighbours'], ['Z', 'photo.zoom'], ['R', 'photo.region'], ['M', 'key.more'], ['O', 'photo.download'], ['I', 'key.details']],
  'help.region': [['← → ↑ ↓', 'key.region.move'], ['Shift ← → ↑ ↓', 'key.region.size'], ['Esc', 'key.region.clear']],
};

const section = (title, rows) => h('section', {}, h('h3', {}, t(title)), h('dl', {}, rows.map(([term, meaning]) => h('div', {}, h('dt', {}, term), h('dd', {}, meaning)))));

export default function openHelp() {
  if (document.querySelector('dialog.help')) return;
  const touch = matchMedia('(hover: none)').matches;
  const gestures = section('help.touch', GESTURES.map((each) => [t(`gesture.${each}`), t(`gesture.${each}.does`)]));
  const keys = Object.entries(SHORTCUTS).map(([title, rows]) =>
    section(title, rows.map(([combination, name]) => [combination.split(' ').map((key) => h('kbd', {}, key)), t(name)])));
  const scores = h('section', {}, h('h3', {}, t('help.score')), h('p', {}, t('help.score.text')),
    h('ul.bands', {}, BANDS.map((band) => h('li', {}, t(`band.${band}`)))));
  openDialog('help', t(touch ? 'help.title.touch' : 'help.title'), h('div.body', {}, touch ? [gestures, scores] : [scores, ...keys]));
}
