/** Starts the page: the frame, the shortcuts, and a view for every state of the URL. */
import { addStyle, h } from './lib/dom.js';
import gallery from './views/gallery.js';
import { attachIntake } from './query/intake.js';
import { createFinder } from './query/finder.js';
import { arrived, keepPosition, LISTING, pick, route, start, go, toOrigin } from './lib/route.js';
import { failure } from './lib/pieces.js';
import { poll } from './lib/server.js';
import { buildShell } from './shell.js';
import { language, t } from './lib/text.js';
import { morph } from './lib/transition.js';
import { attachTray } from './query/tray.js';

const more = async (module) => (await Promise.all([module, addStyle('css/more.css')]))[0].default;
const views = {
  gallery: () => gallery,
  similar: async () => (await import('./views/photo.js')).default,
  search: async () => (await import('./views/search.js')).default,
  upload: async () => (await import('./views/upload.js')).default,
  duplicates: () => more(import('./views/duplicates.js')),
  status: () => more(import('./views/status.js')),
  frame: () => more(import('./views/frame.js')),
};
const viewOf = ({ view }) => (Object.hasOwn(views, view) ? view : 'gallery');

document.documentElement.lang = language;
document.body.dataset.view = viewOf(route());
const openHelp = async () => (await more(import('./views/help.js')))();
const finder = createFinder();
const shell = buildShell(openHelp, finder);
const tray = attachTray();
attachIntake();
const keys = {
  '?': openHelp,
  '/': finder.open,
  g: () => go({}),
  u: () => go({ view: 'upload' }),
  d: () => go({ view: 'duplicates' }),
  t: () => go({ view: 'status' }),
  s: () => tray.search(),
  Escape: () => toOrigin(pick(route(), LISTING)),
};

let mounted = null; // {name, view, params}
let turn = 0;

function leave() {
  if (mounted) keepPosition(mounted.view.position?.() ?? { y: scrollY });
}

/** A view's code; where the server does not answer, a view that says so and starts anew once it does. */
async function fetchView(name) {
  try {
    return await views[name]();
  } catch {
    return () => ({ element: failure(new Error(t('away.error')), () => location.reload()), title: t('app.name'), destroy() {} });
  }
}

/** Shows the view of the present URL; `restored` is the position to return to. */
async function show({ restored, moved }) {
  const params = route();
  const name = viewOf(params);
  const mine = (turn += 1);
  if (moved) {
    leave();
    document.querySelector('dialog:not(.zoom)')?.close();
  }
  shell.mark(params);
  finder.show(params);
  const before = mounted?.params;
  if (mounted?.name === name) {
    const shown = { restored, moved };
    const grows = name === 'similar' && moved && before.id !== params.id && (restored ? before.id : params.id);
    let kept;
    await morph(grows, () => (kept = mine !== turn || mounted.view.update?.(params, shown)));
    if (mine !== turn) return;
    if (kept) {
      mounted.params = params;
      return arrived();
    }
  }
  const first = !mounted;
  const make = await fetchView(name);
  if (mine !== turn) return;
  await morph(name === 'similar' ? params.id : before?.view === 'similar' && before.id, () => {
    if (mine !== turn) return;
    mounted?.view.destroy();
    const view = make(params, { restored });
    mounted = { name, view, params };
    arrived();
    document.body.dataset.view = name;
    document.title = `${view.title} · ${t('app.name')}`;
    shell.view.replaceChildren(view.element);
    tray.hide(!['gallery', 'similar'].includes(name));
    if (!restored) scrollTo(0, 0);
    view.shown?.();
    if (restored && !view.position) scrollTo(0, restored.y);
    if (!first && !shell.view.contains(document.activeElement)) shell.view.focus({ preventScroll: true });
  });
}

/** Single keys: those of the view on show, then those that work anywhere. */
function press(event) {
  const { target, key } = event;
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (target.closest('input:not([type=range], [type=checkbox], [type=radio]), select') || document.querySelector('dialog[open]')) return;
  if (key.startsWith('Arrow') ? target.closest('input') : event.repeat) return;
  const action = mounted?.view.keys?.[key] ?? keys[key];
  if (!action) return;
  event.preventDefault();
  action();
}

addEventListener('keydown', press);
start(show, leave);
poll();
// A click on a photo is what comes next.
const prepare = () => fetchView('similar');
if (document.readyState === 'complete') prepare();
else addEventListener('load', prepare);
document.body.append(h('div.drop', { 'aria-hidden': 'true' }, h('p', {}, t('upload.drop'))));
