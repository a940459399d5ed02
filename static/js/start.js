/** Begins with the texts, which come beside the modules that index.html announces; then everything else runs.
 *
 * Without an await at the top of a module: WebKit runs what imports such a one before it is ready. */
import { fetchTexts } from './lib/language.js';

fetchTexts().then(() => import('./main.js'));
