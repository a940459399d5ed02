/** A slideshow of any list, or a drift from photo to photo. */
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { createPath } from '../slides/path.js';
import { awake, fillScreen, leaveScreen } from '../slides/screen.js';
import { emptyState, failure } from '../lib/pieces.js';
import { back, go, href, LISTING, note, pick, route } from '../lib/route.js';
import { t } from '../lib/text.js';

const SHOWN_S = 6; // unless the URL says `s`
const LEAST_S = 1;
const CONTROLS_MS = 2500;
const FAILED_MS = 3000; // until the photo after one that can't be shown

export default function frame(params) {
  const until = new AbortController();
  const { signal } = until;
  const shown_ms = 1000 * Math.max(LEAST_S, Number(params.s) || SHOWN_S);
  let playing = true;
  let timer;
  let hiding;
  let turn = 0;
  let path = createPath(params);

  const stage = h('div.slides');
  const title = h('a.slide-name');
  const control = (name, label, onclick) => h('button', { type: 'button', 'aria-label': label, title: label, onclick }, icon(name));
  const pause = control('pause', t('slides.pause'), () => play(!playing));
  const drift = control('shuffle', t('slides.drift'), () => {
    const on = !route().drift;
    note({ ...route(), drift: on ? '1' : '' });
    path = createPath(route());
    showDrift();
    step(1);
  });
  const showDrift = () => drift.setAttribute('aria-pressed', String(Boolean(route().drift)));
  const close = () => (history.state.depth ? back() : go(pick(params, LISTING)));
  const bar = h('div.controls', {}, control('left', t('photo.previous'), () => step(-1)), pause, control('right', t('photo.next'), () => step(1)),
    drift, control('fit', t('slides.full'), () => (document.fullscreenElement ? leaveScreen() : fillScreen())), control('close', t('app.close'), close));
  const element = h('div.frame-view', {}, h('h1.visually-hidden', {}, t('slides.start')), stage, h('div.slide-foot', {}, title, bar));
  showDrift();

  const wake = () => {
    element.classList.remove('idle');
    clearTimeout(hiding);
    hiding = setTimeout(() => playing && element.classList.add('idle'), CONTROLS_MS);
  };
  for (const event of ['pointermove', 'pointerdown', 'keydown', 'focusin']) addEventListener(event, wake, { signal });

  function play(on) {
    playing = on;
    pause.replaceChildren(icon(on ? 'pause' : 'play'));
    pause.title = t(on ? 'slides.pause' : 'slides.play');
    pause.setAttribute('aria-label', pause.title);
    clearTimeout(timer);
    if (on) timer = setTimeout(step, shown_ms, 1);
    wake();
  }

  /** Shows the next photo, or the one before, once it has loaded. */
  async function step(by) {
    clearTimeout(timer);
    const mine = (turn += 1);
    let wait_ms = shown_ms;
    try {
      const image = await path.step(by, signal);
      const picture = h('img', { alt: image.name, draggable: 'false' });
      picture.src = image.preview;
      await picture.decode().catch(() => {
        picture.src = image.thumb;
        return picture.decode();
      });
      if (mine !== turn || signal.aborted) return;
      note({ ...route(), id: image.id });
      title.textContent = image.name;
      title.href = href({ ...pick(params, LISTING), view: 'similar', id: image.id });
      document.title = `${image.name} · ${t('app.name')}`;
      const before = [...stage.children];
      stage.append(picture);
      requestAnimationFrame(() => picture.classList.add('on'));
      setTimeout(() => before.forEach((each) => each.remove()), before.length ? 1200 : 0);
    } catch (error) {
      if (error.name === 'AbortError' || mine !== turn) return;
      if (error.empty) stage.replaceChildren(emptyState(error.message));
      else {
        wait_ms = FAILED_MS;
        if (!stage.firstChild) stage.append(failure(error, () => step(1)));
      }
    }
    if (playing) timer = setTimeout(step, wait_ms, 1);
  }

  return {
    element,
    title: t('slides.start'),
    shown() {
      wake();
      awake(signal);
      if (history.state.depth) fillScreen();
      step(1);
    },
    keys: {
      Escape: close, ArrowRight: () => step(1), ArrowLeft: () => step(-1), ' ': () => play(!playing),
      d: () => drift.click(), f: () => fillScreen(),
    },
    update: () => false,
    destroy() {
      until.abort();
      clearTimeout(timer);
      clearTimeout(hiding);
      leaveScreen();
    },
  };
}
