/** Two photos of a group, side by side or one over the other, with what differs. */
import { h, named } from '../lib/dom.js';
import { markBox } from './card.js';
import { openDialog } from '../lib/pieces.js';
import { bytes, dateTime, t } from '../lib/text.js';

const FLICKER_MS = 700;
const WAYS = ['sides', 'slide', 'flicker'];

const FACTS = [
  ['meta.path', ({ path }) => path],
  ['meta.size', ({ width, height }) => t('meta.size.value', { w: width, h: height })],
  ['meta.bytes', ({ bytes: size, format }) => `${bytes(size)} · ${format}`],
  ['meta.date', ({ taken_at: at }) => (at ? dateTime(at) : t('meta.undated'))],
  ['meta.camera', ({ camera }) => camera ?? '–'],
];

/** Its thumbnail until there is more of it, or where there is none. */
function pictureOf({ preview, thumb, name }) {
  const picture = h('img', { src: preview, alt: name, draggable: 'false', onerror: () => (picture.src = thumb) });
  picture.style.backgroundImage = `url("${thumb}")`;
  return picture;
}

export function openCompare(group, marks) {
  const left = group.best.image;
  const others = group.images.filter(({ id }) => id !== left.id);
  let right = others[0];
  let way = WAYS[0];
  let timer;
  const pictures = h('div.pair');
  const facts = h('table.facts-table');
  const slide = h('input', { type: 'range', min: 0, max: 100, value: 50, 'aria-label': t('compare.slide'), oninput: () => pictures.style.setProperty('--cut', `${slide.value}%`) });
  const ways = WAYS.map((each) => h('button.small', { type: 'button', onclick: () => {
    way = each;
    draw();
  } }, t(`compare.${each}`)));
  const which = h('select', { 'aria-label': t('compare.with'), hidden: others.length < 2, onchange: () => {
    right = others[which.selectedIndex];
    draw();
  } }, others.map(({ name }) => h('option', {}, name)));
  const choices = h('div.options', { role: 'group', 'aria-label': t('duplicates.compare') }, ways, which);

  function draw() {
    clearInterval(timer);
    pictures.className = `pair ${way}`;
    pictures.replaceChildren(...[left, right].map(pictureOf));
    slide.hidden = way !== 'slide';
    if (way === 'flicker') timer = setInterval(() => pictures.classList.toggle('other'), FLICKER_MS);
    ways.forEach((button, i) => button.setAttribute('aria-pressed', String(WAYS[i] === way)));
    facts.replaceChildren(h('tbody', {}, FACTS.map(([label, of]) => {
      const [one, other] = [of(left), of(right)];
      return h(`tr${one === other ? '' : '.differs'}`, {}, h('th', { scope: 'row' }, t(label)), h('td', {}, named(one)), h('td', {}, one === other ? t('compare.equal') : named(other)));
    }), h('tr', {}, h('th', { scope: 'row' }, t('duplicates.list')), [left, right].map((image) => h('td', {}, markBox(image, marks))))));
  }

  draw();
  const dialog = openDialog('compare', t('duplicates.compare'), h('div.body', {}, choices, pictures, slide, facts));
  dialog.addEventListener('close', () => clearInterval(timer));
}
