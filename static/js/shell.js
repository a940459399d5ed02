/** The page's frame: header, sections, notices about the server and the library, the place for a view. */
import { h } from './lib/dom.js';
import { icon } from './lib/icons.js';
import { href, isGallery } from './lib/route.js';
import { isAway, lastStatus, poll, retryInSeconds, server } from './lib/server.js';
import { percent, t } from './lib/text.js';

export function buildShell(openHelp, finder) {
  const name = h('bdi.library', {}, t('app.name'));
  const section = (params, iconName, label) => h('a.nav', { href: href(params), title: label }, icon(iconName), h('span', {}, label));
  const sections = {
    photos: section({}, 'photos', t('nav.photos')),
    folders: section({ view: 'folders' }, 'folder', t('nav.folders')),
    duplicates: section({ view: 'duplicates' }, 'copies', t('duplicates.title')),
    status: section({ view: 'status' }, 'status', t('status.title')),
  };
  const state = sections.status;
  const view = h('main', { id: 'main', tabindex: '-1' });
  const skip = (label, target) => h('a.skip', { href: '#main', onclick: (event) => {
    event.preventDefault(); // an address of its own would forget where the reader came from
    ((target && view.querySelector(target)) || view).focus();
  } }, t(label));
  const header = h('header.bar', {},
    h('a.home', { href: href({}), title: t('gallery.title') }, h('span.mark', {}, icon('mark')), name),
    h('nav', { class: 'parts', 'aria-label': t('nav.label') }, Object.values(sections)),
    finder.element,
    h('button.nav.keys', { type: 'button', title: t('help.title'), 'aria-label': t('help.title'), onclick: openHelp }, icon('help')),
  );
  const notices = h('div.notices', { role: 'status' });
  document.body.prepend(skip('app.skip'), skip('app.skip.grid', '.tile a[tabindex="0"]'), header, notices, view);

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
    showNotices();
  };

  const showNotices = () => {
    const status = lastStatus();
    if (isAway()) notices.replaceChildren(awayNotice());
    else if (status && !status.library.online) notices.replaceChildren(h('p.notice', {}, icon('warning'), h('span', {}, t('library.offline'))));
    else notices.replaceChildren();
    document.body.classList.toggle('noticed', notices.childElementCount > 0);
  };
  server.addEventListener('status', showStatus);
  for (const event of ['away', 'back']) server.addEventListener(event, showNotices);

  return {
    view,
    /** Marks the section that this state belongs to. */
    mark(params) {
      const present = params.view in sections ? params.view : params.folder && isGallery(params) ? 'folders' : isGallery(params) ? 'photos' : '';
      for (const [key, link] of Object.entries(sections)) {
        if (key === present) link.setAttribute('aria-current', 'page');
        else link.removeAttribute('aria-current');
      }
    },
  };
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
