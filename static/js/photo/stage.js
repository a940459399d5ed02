/** One photo shown large, at a size known before it has loaded, with a region to drag on it. */
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { readBox, Region, writeBox } from './region.js';
import { lastStatus, server } from '../lib/server.js';
import { t } from '../lib/text.js';

const DWELL_MS = 120; // originals are large: one that is only passed by is not fetched
const SWIPE_PX = 60;

/** @param {{width, height, name, src, instead?: string, preview?: string, box?: string, onBox: (text: string) => void,
 *   onZoom?: () => void, onSwipe?: (step: number) => void, onShown: (shown: boolean) => void}} photo `onShown` tells whether
 *   the browser could load it */
export function createStage({ width, height, name, src, instead, preview, box, onBox, onZoom, onSwipe, onShown }) {
  const image = h('img.large', { alt: name, draggable: 'false', decoding: 'async' });
  const frame = h('div.frame', {}, preview && h('img.preview', { src: preview, alt: '', draggable: 'false' }));
  frame.style.setProperty('--ratio', width / height);
  frame.style.aspectRatio = `${width} / ${height}`;
  if (!onZoom) frame.classList.add('flat');
  const region = new Region(frame, {
    least: () => {
      const side = lastStatus()?.limits.box_px ?? 1; // in the photo's pixels
      return { w: Math.min(1, side / width), h: Math.min(1, side / height) };
    },
    onChange: (value) => onBox(value ? writeBox(value) : ''),
    onClick: () => onZoom?.(),
  });
  region.set(readBox(box));
  const load = () => {
    frame.insertBefore(image, region.element);
    image.src = src;
  };
  image.addEventListener('load', () => {
    frame.classList.add('loaded');
    onShown(true);
  });
  image.addEventListener('error', () => {
    if (instead && image.getAttribute('src') === src) return (image.src = instead); // too busy for a preview
    image.remove();
    onShown(false);
    server.addEventListener('back', () => frame.isConnected && load(), { once: true });
  });
  // At once when there is nothing else to look at.
  const timer = src ? setTimeout(load, preview ? DWELL_MS : 0) : undefined;
  if (onSwipe) attachSwipe(frame, region, onSwipe, onZoom);
  return { element: h('div.stage', {}, frame), region, destroy: () => clearTimeout(timer) };
}

/** A finger that flicks sideways turns the page; one that taps zooms. */
function attachSwipe(frame, region, onSwipe, onZoom) {
  let from = null;
  const end = () => {
    from = null;
    frame.style.translate = '';
  };
  frame.addEventListener('pointerdown', (event) => {
    const ours = event.pointerType !== 'mouse' && event.isPrimary && !region.armed && !region.box;
    from = ours ? { x: event.clientX, y: event.clientY } : null;
  });
  frame.addEventListener('pointermove', (event) => from && (frame.style.translate = `${event.clientX - from.x}px`));
  frame.addEventListener('pointerup', (event) => {
    if (!from) return;
    const [x, y] = [event.clientX - from.x, event.clientY - from.y];
    end();
    if (Math.abs(x) > SWIPE_PX && Math.abs(x) > 2 * Math.abs(y)) onSwipe(x < 0 ? 1 : -1);
    else if (Math.hypot(x, y) < 10) onZoom?.();
  });
  frame.addEventListener('pointercancel', end);
}

/** Starts a region, or goes back to the whole photo while there is one. `draw` when that changes. */
export function createRegionButton(regionOf) {
  const button = h('button.action', { type: 'button', onclick: () => (regionOf().box ? regionOf().clear() : regionOf().arm()) });
  button.draw = () => {
    const boxed = Boolean(regionOf()?.box);
    const label = t(boxed ? 'photo.region.clear' : 'photo.region');
    button.title = t(boxed ? 'photo.region.clear' : 'photo.region.hint');
    button.replaceChildren(icon(boxed ? 'close' : 'region'), h('span', {}, label));
  };
  return button;
}
