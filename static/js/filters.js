/** The filter sheet, and the chips that show which filters are on. Filters live in the URL. */
import { get } from './api.js';
import { debounce, h } from './dom.js';
import { folderTree } from './folders.js';
import { recallListing } from './listing.js';
import { openDialog } from './pieces.js';
import { href, LISTING, pick } from './route.js';
import { date, number, t } from './text.js';

const TYPING_MS = 400;

/** One removable chip for each filter that is on. */
export function chips(params) {
  const listing = pick(params, LISTING);
  const chip = (name, without) =>
    h('a.chip', { href: href({ ...listing, ...without }), 'aria-label': t('filter.chip.remove', { name }) }, h('bdi', {}, name), ' ×');
  return [
    params.folder && chip(params.folder, { folder: '' }),
    params.from && chip(t('filter.chip.from', { date: date(params.from) }), { from: '' }),
    params.to && chip(t('filter.chip.to', { date: date(params.to) }), { to: '' }),
    ...(params.format?.split(',') ?? []).map((format, _, all) =>
      chip(format, { format: all.filter((each) => each !== format).join(',') })),
    params.orientation && chip(t(`orientation.${params.orientation}`), { orientation: '' }),
  ].filter(Boolean);
}

/** Opens the sheet; every change is applied at once through `apply(filters)`. */
export async function openFilters(current, apply) {
  if (document.querySelector('dialog.sheet')) return;
  const set = (changes) => {
    const { sort, ...filters } = pick(current(), LISTING);
    apply({ ...filters, ...changes });
  };
  const folders = h('div.folders', {}, h('p.quiet', {}, t('app.loading')));
  const formats = h('div.options');
  const day = (key) => h('label.field', {}, h('span', {}, t(`filter.${key}`)),
    h('input', { type: 'date', value: current()[key]?.slice(0, 10), oninput: debounce(() => set({ [key]: dialog.querySelector(`[data-day=${key}]`).value }), TYPING_MS), 'data-day': key }));
  const orientations = h('div.options', {}, ['any', 'landscape', 'portrait', 'square'].map((each) =>
    h('label.option', {}, h('input', {
      type: 'radio', name: 'orientation', checked: (current().orientation || 'any') === each,
      onchange: () => set({ orientation: each === 'any' ? '' : each }),
    }), h('span', {}, t(`orientation.${each}`)))));
  const done = h('button.strong', { type: 'button', onclick: () => dialog.close() }, t('app.close'));
  const clear = () => {
    dialog.close();
    apply({});
  };
  const dialog = openDialog('sheet', t('filter.title'),
    h('div.body', {},
      h('fieldset', {}, h('legend', {}, t('filter.folders')), folders),
      h('fieldset', {}, h('legend', {}, t('filter.dates')), h('div.days', {}, day('from'), day('to'))),
      h('fieldset', {}, h('legend', {}, t('filter.format')), formats),
      h('fieldset', {}, h('legend', {}, t('filter.orientation')), orientations)),
    h('footer', {}, h('button.soft', { type: 'button', onclick: clear }, t('filter.clear')), done));

  // The button tells how much the filters leave, as soon as the gallery behind the sheet knows.
  const counting = setInterval(() => {
    const listing = recallListing(current());
    if (listing) done.textContent = t('filter.done', { n: listing.ids.length });
  }, 200);
  dialog.addEventListener('close', () => clearInterval(counting));

  try {
    const [tree, facets] = await Promise.all([get('api/folders'), get('api/facets')]);
    folders.replaceChildren(folderTree(tree.folders, current().folder ?? '', (folder) => set({ folder })));
    const on = () => new Set((current().format ?? '').split(',').filter(Boolean));
    formats.replaceChildren(...facets.formats.map(([format, count]) =>
      h('label.option', {}, h('input', {
        type: 'checkbox', checked: on().has(format),
        onchange: (event) => {
          const formatsOn = on();
          if (event.target.checked) formatsOn.add(format);
          else formatsOn.delete(format);
          set({ format: [...formatsOn].join(',') });
        },
      }), h('span', {}, format, ' ', h('small', {}, number(count))))));
    if (facets.from) {
      for (const input of dialog.querySelectorAll('input[type=date]')) {
        input.min = facets.from.slice(0, 10);
        input.max = facets.to.slice(0, 10);
      }
    }
  } catch (error) {
    folders.replaceChildren(h('p', { role: 'alert' }, error.message));
  }
}
