/** The page's frame: header, notices about the server and the library, the place for a view. */
import { h } from './lib/dom.js';
import { icon } from './lib/icons.js';
import { hasCamera } from './query/intake.js';
import { href } from './lib/route.js';
import { isAway, lastStatus, poll, retryInSeconds, server } from './lib/server.js';
import { percent, t } from './lib/text.js';


export function buildShell(openHelp, openSearch) {
  const name = h('bdi.library', {}, t('app.name'));
  const words = h('button.nav', { type: 'button', title: t('key.words'), hidden: true, onclick: openSearch }, icon('search'), h('span', {}, t('nav.words')));
  const state = h('a.nav', { href: href({ view: 'status' }) });
  const view = h('main', { id: 'main', tabindex: '-1' });
  const header = h('header.bar', {},
    h('a.home', { href: href({}), title: t('gallery.title') }, h('span.mark', {}, icon('mark')), name),
    h('nav', { 'aria-label': t('nav.label') },
      h('a.nav', { href: href({ view: 'upload' }), title: t('upload.title') }, icon(hasCamera ? 'camera' : 'upload'), h('span', {}, t('upload.title'))),
      h('a.nav', { href: href({ view: 'duplicates' }), title: t('duplicates.title') }, icon('copies'), h('span', {}, t('duplicates.title'))),
      words,
      state,
      h('button.nav.keys', { type: 'button', title: t('help.title'), 'aria-label': t('help.title'), onclick: openHelp }, icon('help')),
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
    const attention = indexing.state === 'failed' || !status.library.online || status.model_error;
    const part = indexing.total ? percent(indexing.done / indexing.total) : '';
    const label = busy && part ? t('nav.indexing', { percent: part }) : t(attention ? 'nav.attention' : 'status.title');
    state.title = label;
    state.classList.toggle('attention', Boolean(attention));
    state.replaceChildren(busy ? ring(indexing.total ? indexing.done / indexing.total : 0) : icon(attention ? 'warning' : 'status'),
      h('span', {}, busy && part ? part : t('status.title')));
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
  state.append(icon('status'), h('span', {}, t('status.title')));
  state.setAttribute('aria-label', t('status.title'));
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
  return h('p.notice', {}, icon('warning'), h('span', {}, h('strong', {}, t('away.title')), ' ', waiting),
    h('button.small', { type: 'button', onclick: poll }, t('away.retry')));
}

/** A ring that closes as work is done. */
function ring(fraction) {
  const element = h('span.ring');
  element.style.setProperty('--done', `${Math.max(3, fraction * 100)}%`);
  return element;
}
