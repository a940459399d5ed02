/** Groups of photos that are the same or nearly so, side by side, and a list of the lesser ones. */
import { copyText, h, named } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { remember } from '../lib/library.js';
import { emptyState, failure, slider, toast } from '../lib/pieces.js';
import { href, note } from '../lib/route.js';
import { get, lastStatus, post } from '../lib/server.js';
import { bytes, date, percent, score, t } from '../lib/text.js';

const LOWEST = 0.8; // that the device accepts
const PAGE = 20;
const NEVER = '9'; // after every date
const PENDING_MS = 2000;

/** What the device takes for near-duplicates unless it is told otherwise. */
const usual = () => lastStatus()?.limits.duplicate_score ?? LOWEST;

export default function duplicates(first, { restored } = {}) {
  let params = first;
  let groups = [];
  let visible = PAGE;
  let loading = new AbortController();
  let waiting;
  const listed = new Map(); // id → image
  const count = h('span.count', { role: 'status' });
  const summary = h('span', { role: 'status' });
  const least = slider({
    label: t('duplicates.min'), min: LOWEST, max: 1, step: 0.01, value: Number(params.min) || usual(), format: score,
    onchange: (value) => {
      params = { ...params, min: value === usual() ? '' : value };
      note(params);
      load();
    },
  });
  const place = h('div.groups');
  const more = h('button.load-more', { type: 'button', hidden: true, onclick: () => {
    visible += PAGE;
    draw();
  } }, t('duplicates.more'));
  const copy = h('button', { type: 'button', onclick: copyList }, icon('copy'), t('duplicates.copy'));
  const download = h('button', { type: 'button', onclick: downloadList }, icon('download'), t('duplicates.download'));
  const bar = h('div.listbar', { hidden: true }, summary,
    h('button', { type: 'button', onclick: listLesser }, icon('check'), t('duplicates.lesser')),
    copy, download);
  const element = h('div.page', {},
    h('div.heading', {}, h('h1', {}, t('duplicates.title')), count),
    h('p.quiet', {}, t('duplicates.text')),
    h('div.options', {}, least), bar, place, more);

  async function load(back) {
    clearTimeout(waiting);
    loading.abort();
    loading = new AbortController();
    try {
      const answer = await get('api/duplicates', { min_score: params.min }, loading.signal);
      if (!params.min) least.set(answer.min_score);
      groups = answer.groups.map((group) => ({ ...group, best: group.kind === 'alike' ? null : best(group.images) }));
      remember(groups.flatMap((group) => group.images.map(({ score: _, ...image }) => image)));
      for (const id of listed.keys()) if (!groups.some((group) => group.images.some((image) => image.id === id))) listed.delete(id);
      draw(answer.pending);
      if (answer.pending) waiting = setTimeout(load, PENDING_MS);
      if (back) scrollTo(0, back.y);
    } catch (error) {
      if (error.name !== 'AbortError') place.replaceChildren(failure(error, () => load()));
    }
  }

  function draw(pending = false) {
    count.textContent = pending ? t('duplicates.pending') : groups.length ? t('duplicates.groups', { n: groups.length }) : '';
    place.replaceChildren(...groups.slice(0, visible).map(card));
    if (!groups.length && !pending) place.replaceChildren(emptyState(t('duplicates.none.title'), params.min > LOWEST || !params.min ? t('duplicates.none.text') : ''));
    more.hidden = groups.length <= visible;
    drawList();
  }

  function drawList() {
    bar.hidden = !groups.length;
    const all = [...listed.values()];
    const size = bytes(all.reduce((sum, image) => sum + image.bytes, 0));
    summary.textContent = all.length ? t('duplicates.listed', { n: all.length, bytes: size }) : t('duplicates.listed.none');
    for (const button of [copy, download]) button.disabled = !all.length;
  }

  function card(group, index) {
    const ids = group.images.map((image) => image.id);
    const undo = async () => {
      try {
        await post('api/duplicates/restore', { ids });
      } catch (error) {
        return toast(error.message);
      }
      groups = [...groups.slice(0, index), group, ...groups.slice(index)];
      draw();
    };
    const dismiss = async () => {
      try {
        await post('api/duplicates/dismiss', { ids });
      } catch (error) {
        return toast(error.message);
      }
      for (const image of group.images) listed.delete(image.id);
      groups = groups.filter((each) => each !== group);
      draw();
      toast(t('duplicates.dismissed'), h('button.plain', { type: 'button', onclick: undo }, t('duplicates.undo')));
    };
    return h('section.dupes', { 'aria-label': t('duplicates.group', { n: index + 1 }) },
      h('header', {}, h('span.badge', {}, t(`duplicates.${group.kind}`)),
        h('button.plain', { type: 'button', onclick: dismiss }, t('duplicates.dismiss'))),
      h('ul', {}, group.images.map((image) => photo(image, group))));
  }

  function photo(image, group) {
    const isBest = image.id === group.best?.id;
    const box = h('input', { type: 'checkbox', checked: listed.has(image.id), 'aria-label': t('duplicates.list.label', { name: image.name }), onchange: () => {
      if (box.checked) listed.set(image.id, image);
      else listed.delete(image.id);
      drawList();
    } });
    return h(`li${isBest ? '.best' : ''}`, {},
      h('a', { href: href({ view: 'similar', id: image.id }), 'aria-label': image.name, title: image.name }, h('img', { src: image.thumb, alt: '', loading: 'lazy', draggable: 'false' })),
      h('div.about', {}, named(image.name), h('small', {}, h('bdi', {}, image.folder || t('filter.folder.top')), ` · ${image.taken_at ? date(image.taken_at) : t('meta.undated')}`),
        h('span', {}, `${image.width} × ${image.height} · ${bytes(image.bytes)}`),
        h('span.difference', {}, isBest ? t('duplicates.best') : difference(image, group)),
        h('label.option', {}, box, h('span', {}, t('duplicates.list')))));
  }

  /** Puts all copies but the best of every group on the list; photos that are only alike are not copies. */
  function listLesser() {
    for (const { images, best: top } of groups) if (top) for (const image of images) if (image.id !== top.id) listed.set(image.id, image);
    draw();
  }

  const paths = () => `${[...listed.values()].map((image) => image.path).join('\n')}\n`;
  async function copyList() {
    await copyText(paths());
    toast(t('duplicates.copied', { n: listed.size }));
  }
  function downloadList() {
    const url = URL.createObjectURL(new Blob([paths()], { type: 'text/plain' }));
    h('a', { href: url, download: 'duplicates.txt' }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  load(restored);
  return {
    element,
    title: t('duplicates.title'),
    position: () => ({ y: scrollY }),
    destroy() {
      clearTimeout(waiting);
      loading.abort();
    },
  };
}

/** The one to keep: most pixels, then the largest file, then the oldest. */
const best = (images) =>
  [...images].sort((a, b) => b.width * b.height - a.width * a.height || b.bytes - a.bytes || (a.taken_at ?? NEVER).localeCompare(b.taken_at ?? NEVER) || a.id - b.id)[0];

/** How a photo falls short of the best of its group, in words. */
function difference(image, { best: top, kind }) {
  if (kind === 'identical') return '';
  if (!top) return t('duplicates.score', { score: score(image.score) });
  const pixels = (image.width * image.height) / (top.width * top.height);
  const size = image.bytes / top.bytes;
  return [
    pixels < 0.995 ? t('duplicates.fewer', { percent: percent(1 - pixels) }) : t('duplicates.samepixels'),
    size < 0.995 && t('duplicates.smaller', { percent: percent(1 - size) }),
    t('duplicates.score', { score: score(image.score) }),
  ].filter(Boolean).join(' · ');
}
