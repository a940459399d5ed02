/** One photo and what looks like it: the page behind every click. */
import { image as fetchImage, recall, recallFresh } from '../lib/library.js';
import { h } from '../lib/dom.js';
import { emptyState, failure } from '../lib/pieces.js';
import { href, LISTING, pick, toOrigin } from '../lib/route.js';
import { server } from '../lib/server.js';
import { showImage } from '../photo/shown.js';
import { t } from '../lib/text.js';

export default function photo(first, { restored } = {}) {
  const element = h('div.photo');
  const view = { element, title: t('matches.title'), keys: {}, destroy, position: () => ({ y: scrollY }) };
  const until = new AbortController();
  let params = first;
  let shown = null;
  let turn = 0;

  function destroy() {
    until.abort();
    shown?.destroy();
  }

  /** Shows the photo anew where it has been replaced in its place. */
  async function followChanges() {
    const { id } = params;
    const { thumb } = shown?.image ?? {};
    const now = thumb && (await fetchImage(Number(id)).catch(() => null));
    if (now && now.thumb !== thumb && params.id === id && !until.signal.aborted) show({ y: scrollY });
  }
  server.addEventListener('status', followChanges, { signal: until.signal });

  async function show(back) {
    const { id } = params;
    const mine = (turn += 1);
    const late = () => mine !== turn || until.signal.aborted;
    try {
      let known = recallFresh(Number(id));
      element.inert = !known; // what is on show meanwhile is another photo
      known ??= await fetchImage(Number(id), until.signal);
      if (late()) return;
      shown?.destroy();
      shown = showImage(known, params, back);
      document.title = `${known.name} · ${t('app.name')}`;
      element.dataset.id = id;
      element.replaceChildren(...shown.children);
      shown.start();
    } catch (error) {
      if (late()) return;
      shown?.destroy();
      shown = null;
      const gone = error.status === 404 || error.status === 400;
      element.replaceChildren(gone
        ? emptyState(t('photo.gone.title'), t('photo.gone.text'), h('a.button', { href: href(pick(params, LISTING)) }, t('photo.gone.back')))
        : failure(error, () => show(back)));
    }
    element.inert = false;
  }

  const run = (name) => () => element.inert || shown?.actions[name]();
  Object.assign(view.keys, {
    ArrowRight: run('next'), ArrowLeft: run('previous'), z: run('zoom'), r: run('region'), m: run('more'),
    o: run('download'), i: run('details'),
    Escape: () => (element.inert || !shown ? toOrigin(pick(params, LISTING)) : shown.actions.escape()),
  });
  view.title = recall(Number(params.id))?.name ?? t('matches.title');
  view.update = (next, { restored: back, moved }) => {
    const zoomed = next.zoom !== params.zoom && shown?.image.id === Number(next.id);
    params = next;
    if (zoomed) shown.zoom(next.zoom === '1');
    else {
      show(back);
      if (moved && !back) scrollTo(0, 0);
    }
    return true;
  };
  view.shown = () => show(restored);
  return view;
}
