/** Begins with the texts, which come beside the modules that index.html announces; then everything else runs.
 * No module awaits at its top: WebKit would run its importers too early. */
import { fetchTexts } from './lib/language.js';

fetchTexts().then(() => import('./main.js'))
  .catch(() => document.body.append('The gallery could not be loaded. Please reload this page.'));
