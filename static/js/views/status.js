/** The index: progress, library, model, and the files that could not be used, with reasons. */
import { h, named } from '../lib/dom.js';
import { get, lastStatus, poll, server } from '../lib/server.js';
import { bytes, decimal, duration, number, t } from '../lib/text.js';

const PAGE = 50;

export default function status() {
  const cards = h('div.cards');
  const list = h('tbody');
  const table = h('div.scroll', {}, h('table', {}, h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, t('status.rejected.path')), h('th', { scope: 'col' }, t('status.rejected.reason')))), list));
  const rejectedNote = h('p.quiet');
  const groups = h('ul.reasons');
  const more = h('button.load-more', { type: 'button', hidden: true, onclick: () => load() }, t('matches.more'));
  const element = h('div.page', {}, h('h1', {}, t('status.title')), cards,
    h('section', {}, h('h2', {}, t('status.rejected')), groups, rejectedNote, table, more));
  let cursor;
  let rejected = null;

  async function load() {
    try {
      const page = await get('api/rejected', { limit: PAGE, cursor });
      cursor = page.next ?? undefined;
      list.append(...page.items.map((item) => h('tr', {}, h('td', {}, named(item.path), h('small', {}, bytes(item.bytes))), h('td', {}, item.reason))));
      groups.replaceChildren(...page.groups.map(({ count, reason, advice }) => h('li', {}, h('b', {}, number(count)), ` ${reason}`, advice && [': ', h('code', {}, advice)])));
      more.hidden = !page.next;
      table.hidden = !page.total;
      rejectedNote.textContent = page.total ? t('status.rejected.text') : t('status.rejected.none');
    } catch (error) {
      rejectedNote.textContent = error.message;
    }
  }

  function draw() {
    const now = lastStatus();
    if (!now) return;
    cards.replaceChildren(indexing(now.indexing, now.rejected), library(now), model(now));
    if (now.rejected === rejected) return;
    rejected = now.rejected;
    cursor = undefined;
    list.replaceChildren();
    load();
  }

  const until = new AbortController();
  server.addEventListener('status', draw, { signal: until.signal });
  draw();
  poll();
  return { element, title: t('status.title'), destroy: () => until.abort() };
}

const card = (title, className, ...content) => h(`section.card${className}`, {}, h('h2', {}, title), ...content);

function indexing({ state, done, total, images_per_s: rate, eta_s: eta, message }, rejected) {
  const busy = state === 'indexing' || (state === 'scanning' && total > 0);
  const facts = [
    t('status.progress', { done, total }),
    rate > 0 && t('status.rate', { rate: decimal(rate) }),
    eta !== null && eta > 0 && t('status.eta', { time: duration(eta) }),
  ].filter(Boolean);
  return card(t('status.indexing'), state === 'failed' ? '.bad' : '',
    h('p.lead', {}, state === 'idle' && rejected ? t('status.state.rejected', { n: rejected }) : t(`status.state.${state}`)),
    busy && h('progress', { max: Math.max(1, total), value: done, 'aria-label': t('status.indexing') }),
    busy && h('p.quiet', {}, facts.join(' · ')),
    message && h('p', {}, message));
}

function library({ library: { name, online, message }, images, offline }) {
  return card(t('status.library'), online ? '' : '.bad',
    h('p.lead', {}, h('bdi', {}, name)),
    h('p', {}, `${t(online ? 'status.library.online' : 'status.library.offline')} · ${t('status.images', { n: images })}`),
    offline > 0 && h('p', {}, t('status.offline', { n: offline })),
    message && h('p', {}, message),
    !online && h('p.quiet', {}, t('status.offline.text')));
}

function model({ model: card_, next_model: next, model_error: error, search, version }) {
  return card(t('status.model'), error ? '.bad' : '',
    card_ ? h('p.lead', {}, card_.name) : h('p', {}, t('status.model.missing')),
    card_ && h('p', {}, t('status.model.dim', { dim: number(card_.dim), runtime: card_.runtime })),
    card_?.weights && h('p.quiet', {}, t('status.model.weights', { weights: card_.weights })),
    next && h('p', {}, t('status.model.next', { name: next.name, dim: number(next.dim) })),
    error && h('p', {}, error),
    search && h('p.quiet', {}, `${t('status.search', search)} · ${t('status.version', { version })}`));
}
