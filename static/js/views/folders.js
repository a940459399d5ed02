/** The library's folders: a tree at the side of a desk, the folders below on a phone, and the way up. */
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { href, pick } from '../lib/route.js';
import { get } from '../lib/server.js';
import { number, t } from '../lib/text.js';

const hrefOf = (folder, params) => href(folder ? { ...pick(params, ['sort']), folder } : { view: 'folders', ...pick(params, ['sort']) });
const byName = (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true });

/** The way to a folder, each step a link. */
export function crumbs(folder, params) {
  const steps = folder.split('/');
  return [
    h('a', { href: hrefOf('', params) }, t('nav.folders')),
    ...steps.map((name, i) => ['/', i < steps.length - 1
      ? h('a', { href: hrefOf(steps.slice(0, i + 1).join('/'), params) }, h('bdi', {}, name))
      : h('bdi', {}, name)]),
  ].flat();
}

/** @returns `element`, and `show(params)` that marks the present folder; `refresh` asks the device again */
export function createFolders() {
  const tree = h('ul.tree');
  const below = h('ul.chips');
  const element = h('nav', { class: 'folders', 'aria-label': t('nav.folders') }, tree, below);
  let root = null;
  let params = {};

  /** One folder with those below it; branches are built when they are first opened. */
  function branch(node, open) {
    const inner = h('ul', { hidden: !open });
    let built = false;
    const build = () => {
      built = true;
      inner.append(...[...node.children.values()].sort(byName).map((child) => branch(child, within(child))));
    };
    const toggle = h('button.twist', {
      type: 'button', 'aria-expanded': String(open), 'aria-label': t('filter.folder.expand', { name: node.name }),
      onclick: () => {
        if (!built) build();
        inner.hidden = !inner.hidden;
        toggle.setAttribute('aria-expanded', String(!inner.hidden));
      },
    }, icon('right'));
    if (open) build();
    const some = node.children.size > 0;
    return h('li', {}, h('div.row', {}, some && node.path !== '' ? toggle : h('span.twist'), link(node, 'folder')), some && inner);
  }
  const link = (node, className) => h(`a.${className}`, { href: hrefOf(node.path, params), 'data-path': node.path },
    h('bdi', {}, node.name), ' ', h('small', {}, number(node.images)));
  const present = () => params.folder ?? '';
  const within = (node) => `${present()}/`.startsWith(`${node.path}/`);

  function draw() {
    if (!root) return;
    tree.replaceChildren(branch(root, true));
    for (const each of tree.querySelectorAll('.folder')) if (each.dataset.path === present()) each.setAttribute('aria-current', 'true');
    let node = root;
    for (const name of present().split('/').filter(Boolean)) node = node?.children.get(name);
    below.replaceChildren(...[...(node?.children.values() ?? [])].sort(byName).map((child) => h('li', {}, link(child, 'chip'))));
  }

  async function refresh() {
    root = treeOf((await get('api/folders').catch(() => ({ folders: [] }))).folders);
    draw();
  }

  return {
    element,
    refresh,
    show(next) {
      params = next;
      if (root) draw();
      else refresh();
    },
  };
}

/** @param {{folder: string, images: number}[]} folders with their own images counted, not those below */
function treeOf(folders) {
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
  return root;
}
