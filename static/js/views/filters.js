/** The filter sheet: folders, dates, formats, orientation. Filters live in the URL. */
import { debounce, h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
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
    const { sort, ...filters } = pick(current(), LISTING);
    apply({ ...filters, ...changes });
  };
  const folders = h('div', {}, h('p.quiet', {}, t('app.loading')));
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
    h('div.foot', {}, h('button', { type: 'button', onclick: clear }, t('filter.clear')), done));

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

/** The library's folders as a tree; branches are built when they are first opened.
 *
 * @param {{folder: string, images: number}[]} folders with their own images counted, not those below
 * @param {(folder: string) => void} choose called with '' for all folders */
function folderTree(folders, chosen, choose) {
  const root = { path: '', name: t('filter.folder.all'), images: 0, children: new Map() };
  for (const { folder, images } of folders) {
    let node = root;
    node.images += images;
    for (const name of folder.split('/').filter(Boolean)) {
      const path = node.path ? `${node.path}/${name}` : name;
      if (!node.children.has(name)) node.children.set(name, { path, name, images: 0, children: new Map() });
      node = node.children.get(name);
      node.images += images;
    }
  }
  const list = h('ul.tree', {}, branch(root, true));
  const showChosen = (path) => {
    for (const button of list.querySelectorAll('.folder')) {
      const on = button.dataset.path === path;
      if (on) button.setAttribute('aria-current', 'true');
      else button.removeAttribute('aria-current');
    }
  };

  function branch(node, open) {
    const below = h('ul', { hidden: !open });
    let built = false;
    const build = () => {
      built = true;
      const sorted = [...node.children.values()].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
      below.append(...sorted.map((child) => branch(child, chosen.startsWith(`${child.path}/`))));
    };
    const toggle = h('button.twist', {
      type: 'button', 'aria-expanded': String(open), 'aria-label': t('filter.folder.expand', { name: node.name }),
      onclick: () => {
        if (!built) build();
        below.hidden = !below.hidden;
        toggle.setAttribute('aria-expanded', String(!below.hidden));
      },
    }, icon('right'));
    const button = h('button.folder', { type: 'button', 'data-path': node.path, onclick: () => {
      choose(node.path);
      showChosen(node.path);
    } }, h('bdi', {}, node.name), h('small', {}, number(node.images)));
    if (node.path === chosen) button.setAttribute('aria-current', 'true');
    if (open) build();
    return h('li', {}, h('div.row', {}, node.children.size > 0 && node.path !== '' ? toggle : h('span.twist'), button), node.children.size > 0 && below);
  }
  return list;
}
