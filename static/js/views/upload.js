/** Search with a photo of the reader's own, which goes to the device for this search only. */
import { debounce, h, hasCamera, named } from '../lib/dom.js';
import { intakeButtons } from '../query/choose.js';
import { fileOf } from '../query/intake.js';
import { createMatches } from './matches.js';
import { note, route, toOrigin } from '../lib/route.js';
import { lastStatus, post } from '../lib/server.js';
import { createRegionButton, createStage } from '../photo/stage.js';
import { bytes, t } from '../lib/text.js';

const ADJUST_MS = 200;

export default function upload(first, { restored } = {}) {
  const element = h('div.upload');
  const view = { element, title: t('upload.title'), keys: {}, position: () => ({ y: scrollY }) };
  let shown = null;
  const show = (params, back) => {
    shown?.destroy();
    const file = fileOf(params.n);
    shown = file ? results(file, params, back) : welcome(params.n);
    element.replaceChildren(...shown.children);
    element.classList.toggle('photo', Boolean(file));
    shown.start?.();
  };
  view.shown = () => show(first, restored);
  view.update = (next, { restored: back }) => {
    show(next, back);
    return true;
  };
  view.keys.r = () => shown?.region?.();
  view.keys.Escape = () => shown?.unbox?.() || toOrigin({});
  view.destroy = () => shown?.destroy();
  return view;
}

/** Where a photo can be chosen. */
function welcome(lost) {
  return {
    children: [h('section.empty.intake', {},
      h('h1', {}, t('upload.title')),
      h('p', {}, lost ? t('upload.gone') : t('upload.text')),
      h('p.actions', {}, intakeButtons()),
      !hasCamera && h('p.quiet', {}, t('upload.hint')),
      lastStatus()?.model?.words === false && h('p.quiet', {}, t('upload.wordless')))],
    destroy() {},
  };
}

/** The chosen photo beside what looks like it. */
function results(file, params, restored) {
  const url = URL.createObjectURL(file);
  const matchPlace = h('div.match-side');
  const stagePlace = h('div');
  let stage = null;
  let matches = null;

  const run = (back) => {
    const { box } = route();
    matches?.destroy();
    matches = createMatches({
      title: t(box ? 'matches.region' : 'upload.results'),
      key: `upload ${params.n} ${box ?? ''}`,
      search: (query, signal) => {
        const form = new FormData();
        for (const [key, value] of Object.entries({ ...query, box })) if (value !== undefined && value !== '') form.append(key, value);
        form.append('image', file, 'photo'); // its name is none of the device's business
        return post('api/search', form, signal);
      },
      restored: back,
    });
    matchPlace.replaceChildren(matches.element);
    matches.start();
  };
  const runSoon = debounce(() => run(), ADJUST_MS);

  const regionButton = createRegionButton(() => stage?.region);
  regionButton.hidden = true;
  const probe = new Image();
  probe.onload = () => {
    stage = createStage({
      width: probe.naturalWidth, height: probe.naturalHeight, name: t('upload.your'), src: url, box: params.box,
      onBox: (box) => {
        note({ ...route(), box });
        regionButton.draw();
        runSoon();
      },
      onShown: () => {},
    });
    regionButton.hidden = false;
    regionButton.draw();
    stagePlace.replaceChildren(stage.element);
    if (restored) run(restored);
  };
  probe.onerror = () => {
    stagePlace.replaceChildren(h('p.quiet.nopreview', {}, t('upload.nopreview')));
    if (restored) run(restored);
  };
  probe.src = url;

  return {
    children: [
      h('div.photo-side', {}, h('h1.visually-hidden', {}, t('upload.title')), stagePlace,
        h('p.caption', {}, named(file.name), h('span.facts', {}, bytes(file.size))),
        h('div.dock', {}, h('div.actions', {}, regionButton, intakeButtons('.action', '.action')))),
      matchPlace,
    ],
    start: () => restored || run(), // what lies above the matches must be there before a place among them
    region: () => regionButton.click(),
    unbox: () => Boolean(stage?.region.box) && (stage.region.clear(), true),
    destroy() {
      probe.onload = probe.onerror = null;
      stage?.destroy();
      runSoon.cancel();
      matches?.destroy();
      URL.revokeObjectURL(url);
    },
  };
}
