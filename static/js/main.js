/** Starts the page: the frame, the shortcuts, and a view for every state of the URL. */
import { h } from './lib/dom.js';
import gallery from './views/gallery.js';
import { attachIntake } from './query/intake.js';
import photo from './views/photo.js';
import { entry, go, keepPosition, LISTING, pick, route, start, toGallery } from './lib/route.js';
import { poll } from './lib/server.js';
import { buildShell } from './shell.js';
import { language, t } from './lib/text.js';
import { attachTray, setParams } from './query/tray.js';

// What a reader meets first comes with the page, the rest when it is asked for.
const views = {
  gallery: () => gallery,
  similar: () => photo,
  search: async () => (await import('./views/search.js')).default,
  upload: async () => (await import('./views/upload.js')).default,
  duplicates: async () => (await import('./views/duplicates.js')).default,
  status: async () => (await import('./views/status.js')).default,
};

document.documentElement.lang = language;
const openHelp = async () => (await import('./views/help.js')).openHelp();
const openSearch = () => go(setParams());
const main = buildShell(openHelp, openSearch);
const tray = attachTray();
attachIntake();
const keys = {
  '?': openHelp,
  '/': openSearch,
  g: () => go({}),
  u: () => go({ view: 'upload' }),
  d: () => go({ view: 'duplicates' }),
  t: () => go({ view: 'status' }),
  s: () => tray.search(),
  Escape: () => toGallery(pick(route(), LISTING)),
};

let mounted = null; // {name, view, entry}
let turn = 0;

function leave() {
  if (mounted) keepPosition(mounted.entry, mounted.view.position?.() ?? { y: scrollY });
}

/** Shows the view of the present URL; `restored` is the position to return to. */
async function show({ restored, moved }) {
  const params = route();
  const name = params.view in views ? params.view : 'gallery';
  const mine = (turn += 1);
  if (moved) leave();
  if (mounted?.name === name && mounted.view.update?.(params, { restored, moved })) {
    mounted.entry = entry();
    return;
  }
  const first = !mounted;
  const make = await views[name]();
  if (mine !== turn) return;
  mounted?.view.destroy();
  const view = make(params, { restored });
  mounted = { name, view, entry: entry() };
  document.body.dataset.view = name;
  document.title = `${view.title} · ${t('app.name')}`;
  main.replaceChildren(view.element);
  tray.hide(name === 'search');
  if (!restored) scrollTo(0, 0);
  view.shown?.();
  if (restored && !view.position) scrollTo(0, restored.y);
  if (!first && !main.contains(document.activeElement)) main.focus({ preventScroll: true });
}

/** Single keys: those of the view on show, then those that work anywhere. */
function press(event) {
  const { target, key } = event;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.closest('input:not([type=range], [type=checkbox], [type=radio]), select, dialog')) return;
  if (target.closest('input') && key.startsWith('Arrow')) return;
  const action = mounted?.view.keys?.[key] ?? keys[key];
  if (!action) return;
  event.preventDefault();
  action();
}

addEventListener('keydown', press);
start(show, leave);
poll();
document.body.append(h('div.drop', { 'aria-hidden': 'true' }, h('p', {}, t('upload.drop'))));
