/** Says why the device refuses a download: a browser does not. */
import { toast } from './pieces.js';
import { get } from './server.js';

let granted;
addEventListener('click', async (event) => {
  const link = event.target.closest?.('a[download]');
  if (!link || link === granted) return;
  event.preventDefault();
  const { ok } = await fetch(link.href, { method: 'HEAD' }).catch(() => ({}));
  if (!ok) return get(link.href).catch((error) => toast(error.message));
  granted = link;
  link.click();
  granted = null;
});
