/** Photos to search with, however they arrive: picker, camera, drop or paste. Kept in memory only. */
import { h } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { toast } from '../lib/pieces.js';
import { go } from '../lib/route.js';
import { t } from '../lib/text.js';

const KEPT = 8;
// Browsers know no type for these, and so don't count them among `image/*`.
const ACCEPT = 'image/*,.heic,.heif,.hif,.avif,.jxl,.tif,.tiff,.nef,.nrw,.cr2,.cr3,.arw,.dng,.raf,.orf,.rw2,.pef,.srw';
/** A phone or a tablet has one. */
export const hasCamera = matchMedia('(pointer: coarse)').matches;
const files = new Map();
let last = 0;

/** The file behind `?view=upload&n=…`; undefined after a reload, since nothing keeps it. */
export const fileOf = (n) => files.get(Number(n));

/** Searches with this file; a browser that doesn't know its type (HEIC) leaves that empty. */
function take(file) {
  if (!file) return;
  if (file.type && !file.type.startsWith('image/')) {
    toast(t('upload.notimage', { name: file.name }));
    return;
  }
  files.set((last += 1), file);
  files.delete(last - KEPT);
  go({ view: 'upload', n: last });
}

/** Buttons for the file picker and, on a phone, the camera. */
export function intakeButtons(first = '.strong', second = '') {
  const button = (className, label, name, attributes) => {
    const input = h('input', {
      type: 'file', accept: ACCEPT, hidden: true, 'aria-label': label, onchange: () => take(input.files[0]), ...attributes,
    });
    return [h(`button${className}`, { type: 'button', onclick: () => input.click() }, icon(name), h('span', {}, label)), input];
  };
  return [
    button(first, t('upload.choose'), 'file'),
    hasCamera && button(second, t('upload.camera'), 'camera', { capture: 'environment', accept: 'image/*' }),
  ].flat();
}

/** Accepts a photo dropped or pasted anywhere on the page. */
export function attachIntake() {
  const carriesFile = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
  const over = (on) => document.body.classList.toggle('dropping', on);
  addEventListener('dragover', (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    over(true);
  });
  addEventListener('dragleave', (event) => event.relatedTarget === null && over(false));
  addEventListener('drop', (event) => {
    over(false);
    if (!carriesFile(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
  addEventListener('paste', (event) => {
    const file = [...event.clipboardData.files].find((each) => each.type.startsWith('image/'));
    if (!file) return;
    event.preventDefault();
    take(file);
  });
}
