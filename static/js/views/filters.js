/** The filter sheet: dates, formats, orientation. Filters live in the URL. */
import { debounce, h } from '../lib/dom.js';
import { recallListing } from '../lib/library.js';
import { openDialog } from '../lib/pieces.js';
import { LISTING, pick } from '../lib/route.js';
import { get } from '../lib/server.js';
import { number, t } from '../lib/text.js';

const TYPING_MS = 400;

/** Opens the sheet; every change is applied at once through `apply(filters)`. */
export async function openFilters(current, apply) {
  if (document.querySelector('dialog.sheet')) return;
  const set = (changes) => {
    const { sort, part, ...filters } = pick(current(), LISTING);
    apply({ ...filters, ...changes });
  };
  const setDays = () => {
    later.cancel();
    const days = [...dialog.querySelectorAll('input[type=date]')].map((input) => [input.name, input.value]);
    if (days.some(([key, value]) => value !== dayOf(key))) set(Object.fromEntries(days));
  };
  const later = debounce(setDays, TYPING_MS);
  const dayOf = (key) => current()[key]?.slice(0, 10) ?? '';
  const formats = h('div.options', {}, h('p.quiet', {}, t('app.loading')));
  const day = (key) => h('label.field', {}, h('span', {}, t(`filter.${key}`)),
    h('input', { type: 'date', name: key, value: dayOf(key), oninput: later, onblur: setDays }));
  const undated = h('div.options');
  const orientations = h('div.options', {}, ['any', 'landscape', 'portrait', 'square'].map((each) =>
    h('label.option', {}, h('input', {
      type: 'radio', name: 'orientation', checked: (current().orientation || 'any') === each,
      onchange: () => set({ orientation: each === 'any' ? '' : each }),
    }), h('span', {}, t(`orientation.${each}`)))));
  const done = h('button.strong', { type: 'button', onclick: () => dialog.close() }, t('app.close'));
  const clear = () => {
    dialog.close();
    apply(pick(current(), ['folder']));
  };
  const dialog = openDialog('sheet', t('filter.title'),
    h('div.body', {},
      h('fieldset', {}, h('legend', {}, t('filter.dates')), h('div.days', {}, day('from'), day('to')), undated),
      h('fieldset', {}, h('legend', {}, t('filter.format')), formats),
      h('fieldset', {}, h('legend', {}, t('filter.orientation')), orientations)),
    h('div.foot', {}, h('button', { type: 'button', onclick: clear }, t('filter.clear')), done));

  // The button tells how much the filters leave, as soon as the gallery behind the sheet knows.
  const counting = setInterval(() => {
    const listing = recallListing(current());
    if (listing) done.textContent = t('filter.done', { n: listing.total });
  }, 200);
  dialog.addEventListener('close', () => {
    later.cancel();
    clearInterval(counting);
  });

  try {
    const facets = await get('api/facets');
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
    if (facets.undated) {
      undated.append(h('label.option', {}, h('input', {
        type: 'checkbox', checked: Boolean(current().undated),
        onchange: (event) => set({ undated: event.target.checked ? 1 : '' }),
      }), h('span', {}, t('gallery.undated'), ' ', h('small', {}, number(facets.undated)))));
    }
    if (facets.from) {
      for (const input of dialog.querySelectorAll('input[type=date]')) {
        input.min = facets.from.slice(0, 10);
        input.max = facets.to.slice(0, 10);
      }
    }
  } catch (error) {
    formats.replaceChildren(h('p', { role: 'alert' }, error.message));
  }
}
