/** How changes of a photo folder are noticed, and what of it is passed over, as lines of a card. */
import { h } from '../lib/dom.js';
import { duration, t, told } from '../lib/text.js';

export const watchingOf = ({ watching, polled_because: because, poll_s: poll }) => [
  watching === 'polling' && h('p', {}, t('library.polling', { time: duration(poll) })),
  watching === 'polling' && because && h('p.quiet', {}, told(because)),
].filter(Boolean);

export const skippedOf = ({ exclude, skipped, away }) => [
  ...away.map(({ folder, images }) => h('p', {}, t('library.away', { n: images }), ' ', h('bdi', {}, folder))),
  ...skipped.map(({ reason, count, example }) =>
    h('p.quiet', {}, t(`library.skipped.${reason}`, { n: count }), example && [' ', h('bdi', {}, example), count > 1 && ' …'])),
  exclude.length > 0 && h('p.quiet', {}, t('library.exclude'), ' ', h('code', {}, exclude.join('  '))),
].filter(Boolean);
