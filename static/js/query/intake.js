/** Photos to search with, however they arrive: picker, camera, drop or paste. Kept in memory only. */
import { toast } from '../lib/pieces.js';
import { go } from '../lib/route.js';
import { t } from '../lib/text.js';

const KEPT = 8;
const files = new Map();
let last = 0;

/** The file behind `?view=upload&n=…`; undefined after a reload, since nothing keeps it. */
export const fileOf = (n) => files.get(Number(n));

/** Searches with this file; a browser that doesn't know its type (HEIC) leaves that empty. */
export function take(file) {
  if (!file) return;
  if (file.type && !file.type.startsWith('image/')) {
    toast(t('upload.notimage', { name: file.name }));
    return;
  }
  files.set((last += 1), file);
  files.delete(last - KEPT);
  go({ view: 'upload', n: last });
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
