/** One photo shown large, at a size known before it has loaded, with a region to drag on it. */
import { h } from '../lib/dom.js';
import { attachFingers } from './fingers.js';
import { icon } from '../lib/icons.js';
import { readBox, Region, writeBox } from './region.js';
import { lastStatus, server } from '../lib/server.js';
import { t } from '../lib/text.js';

const DWELL_MS = 120; // a photo that is only passed by is not fetched
const HELD_PX = { coarse: 56, fine: 16 }; // least side of a region that can still be held

/** @param {{width, height, name, src, instead?: string, preview?: string, box?: string, onBox: (text: string) => void,
 *   onZoom?: (at?: {x, y, factor}) => void, fingers?: object, onShown: (shown: boolean) => void}} photo `fingers` are those
 *   of attachFingers; `onShown` tells whether the browser could load it */
export function createStage({ width, height, name, src, instead, preview, box, onBox, onZoom, fingers, onShown }) {
  const image = h('img.large', { alt: name, draggable: 'false', decoding: 'async' });
  const frame = h('div.frame', {}, preview && h('img.preview', { src: preview, alt: '', draggable: 'false' }));
  const element = h('div.stage', {}, frame);
  frame.style.setProperty('--ratio', width / height);
  frame.style.aspectRatio = `${width} / ${height}`;
  if (!onZoom) frame.classList.add('flat');
  const region = new Region(frame, {
    least: () => {
      const side = lastStatus()?.limits.box_px ?? 1; // in the photo's pixels
      const held = HELD_PX[matchMedia('(pointer: coarse)').matches ? 'coarse' : 'fine'];
      const of = (pixels, shown) => Math.min(1, Math.max(side / pixels, held / Math.max(1, shown)));
      return { w: of(width, frame.clientWidth), h: of(height, frame.clientHeight) };
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
  if (fingers) attachFingers(element, frame, { free: () => !region.armed && !region.box, onZoom, ...fingers });
  return { element, frame, region, destroy: () => clearTimeout(timer) };
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
