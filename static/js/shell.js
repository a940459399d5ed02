/** The page's frame: header, notices about the server and the library, the place for a view. */
import { h } from './dom.js';
import { icon } from './icons.js';
import { href } from './route.js';
import { isAway, lastStatus, poll, retryInSeconds, server } from './server.js';
import { percent, t } from './text.js';

const BAD = ['failed'];

export function buildShell(openHelp, openSearch) {
  const name = h('bdi.library', {}, t('app.name'));
  const words = h('button.nav', { type: 'button', title: t('key.words'), hidden: true, onclick: openSearch }, icon('search'), h('span', {}, t('nav.words')));
  const state = h('a.nav', { href: href({ view: 'status' }) });
  const view = h('main', { id: 'main', tabindex: '-1' });
  const header = h('header.bar', {},
    h('a.home', { href: href({}), title: t('nav.gallery') }, h('span.mark', {}, mark()), name),
    h('nav', { 'aria-label': t('nav.label') },
      h('a.nav.prominent', { href: href({ view: 'upload' }), title: t('nav.upload') }, icon('upload'), h('span', {}, t('nav.upload'))),
      h('a.nav', { href: href({ view: 'duplicates' }), title: t('nav.duplicates') }, icon('copies'), h('span', {}, t('nav.duplicates'))),
      words,
      state,
      h('button.nav.keys', { type: 'button', title: t('nav.help'), 'aria-label': t('nav.help'), onclick: openHelp }, icon('help')),
    ),
  );
  const notices = h('div.notices', { role: 'status' });
  document.body.prepend(h('a.skip', { href: '#main' }, t('app.skip')), header, notices, view);

  const showStatus = () => {
    const status = lastStatus();
    if (!status) return;
    name.textContent = status.library.name || t('app.name');
    const { indexing } = status;
    const busy = ['scanning', 'indexing'].includes(indexing.state);
    const attention = BAD.includes(indexing.state) || !status.library.online || status.model_error;
    const part = indexing.total ? percent(indexing.done / indexing.total) : '';
    const label = busy && part ? t('nav.indexing', { percent: part }) : t(attention ? 'nav.attention' : 'nav.status');
    state.title = label;
    state.classList.toggle('attention', Boolean(attention));
    state.replaceChildren(busy ? ring(indexing.total ? indexing.done / indexing.total : 0) : icon(attention ? 'warning' : 'status'),
      h('span', {}, busy && part ? part : t('nav.status')));
    state.setAttribute('aria-label', label);
    words.hidden = !status.model?.words;
    showNotices();
  };

  const showNotices = () => {
    const status = lastStatus();
    if (isAway()) notices.replaceChildren(awayNotice());
    else if (status && !status.library.online) notices.replaceChildren(h('p.notice', {}, icon('warning'), h('span', {}, t('library.offline'))));
    else notices.replaceChildren();
  };
  server.addEventListener('status', showStatus);
  for (const event of ['away', 'back']) server.addEventListener(event, showNotices);
  state.append(icon('status'), h('span', {}, t('nav.status')));
  state.setAttribute('aria-label', t('nav.status'));
  return view;
}

function awayNotice() {
  const waiting = h('span', { 'aria-live': 'off' });
  const tick = () => {
    if (!waiting.isConnected && waiting.textContent) return clearInterval(timer);
    const n = retryInSeconds();
    waiting.textContent = n ? t('away.waiting', { n }) : t('away.trying');
  };
  const timer = setInterval(tick, 500);
  tick();
  return h('p.notice.away', {}, icon('warning'), h('span', {}, h('strong', {}, t('away.title')), ' ', waiting),
    h('button.small', { type: 'button', onclick: poll }, t('away.retry')));
}

const SVG = 'http://www.w3.org/2000/svg';

/** A ring that closes as work is done. */
function ring(fraction) {
  const svg = icon('status');
  const circle = (name, length) => {
    const element = document.createElementNS(SVG, 'circle');
    for (const [key, value] of Object.entries({ cx: 12, cy: 12, r: 8.5, class: name, pathLength: 100 })) element.setAttribute(key, value);
    element.setAttribute('stroke-dasharray', `${length} 100`);
    return element;
  };
  svg.replaceChildren(circle('track', 100), circle('done', Math.max(3, fraction * 100)));
  svg.classList.add('ring');
  return svg;
}

/** The gallery's own mark: four photos. */
function mark() {
  const svg = icon('status');
  svg.firstChild.setAttribute('d', 'M4 4h7v9H4zM13 4h7v6h-7zM4 15h7v5H4zM13 12h7v8h-7z');
  return svg;
}
