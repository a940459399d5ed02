/** Buttons that choose or take a photo to search with. */
import { h, hasCamera } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { take } from './intake.js';
import { t } from '../lib/text.js';

// Browsers know no type for these, and so don't count them among `image/*`.
const ACCEPT = 'image/*,.heic,.heif,.hif,.avif,.jxl,.tif,.tiff,.nef,.nrw,.cr2,.cr3,.arw,.dng,.raf,.orf,.rw2,.pef,.srw';

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
