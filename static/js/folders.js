/** The library's folders as a tree; branches are built when they are first opened. */
import { h } from './dom.js';
import { icon } from './icons.js';
import { number, t } from './text.js';

/** @param {{folder: string, images: number}[]} folders with their own images counted, not those below
 *  @param {(folder: string) => void} choose called with '' for all folders */
export function folderTree(folders, chosen, choose) {
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
