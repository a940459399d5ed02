/** The library: what needs attention first and what to do about it, then indexing, sources, details and files. */
import { h, named } from '../lib/dom.js';
import { icon } from '../lib/icons.js';
import { get, lastStatus, poll, server } from '../lib/server.js';
import { bytes, decimal, duration, number, t, told } from '../lib/text.js';
import session from './session.js';
import { skippedOf, watchingOf } from './watching.js';

const PAGE = 50;
const NAMED = 3; // files of a problem; all are listed below

export default function status() {
  const problems = h('ul.problems', { 'aria-label': t('status.problems') });
  const cards = h('div.cards');
  const about = h('div.cards');
  const list = h('tbody');
  const table = h('div.scroll', {}, h('table', {}, h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, t('status.rejected.path')), h('th', { scope: 'col' }, t('status.rejected.reason')))), list));
  const rejectedNote = h('p.quiet');
  const more = h('button.load-more', { type: 'button', hidden: true, onclick: () => load() }, t('matches.more'));
  const leaving = h('div.cards', { hidden: true }, session());
  const element = h('div.page', {}, h('h1', {}, t('status.title')), problems, cards,
    h('details.more', {}, h('summary', {}, t('status.details')), about),
    h('section', {}, h('h2', {}, t('status.rejected')), rejectedNote, table, more),
    leaving);
  let cursor;
  let loading = new AbortController();
  let drawn; // the status on show
  let known = null; // the state that the list of files is of
  let groups = [];

  async function load() {
    loading.abort();
    loading = new AbortController();
    try {
      const page = await get('api/rejected', { limit: PAGE, cursor }, loading.signal);
      if (!cursor) list.replaceChildren();
      cursor = page.next ?? undefined;
      list.append(...page.items.map((item) => h('tr', {}, h('td', {}, named(item.path), ' ', h('small', {}, bytes(item.bytes))), h('td', {}, told(item.reason)))));
      groups = page.groups;
      more.hidden = !page.next;
      table.hidden = !page.total;
      rejectedNote.textContent = t(page.total ? 'status.rejected.text' : isBusy() ? 'status.rejected.sofar' : 'status.rejected.none');
      drawProblems();
    } catch (error) {
      if (error.name === 'AbortError') return;
      rejectedNote.textContent = error.message;
      table.hidden = !list.childElementCount;
      known = drawn = null; // the next status asks again
    }
  }

  const isBusy = () => ['scanning', 'indexing'].includes(lastStatus()?.indexing.state);

  function drawProblems() {
    const now = lastStatus();
    if (!now) return;
    problems.replaceChildren(...[
      ...sourcesOf(now).filter((source) => !source.online).map(({ name, message }) =>
        problem(t('status.offline.title', { name }), told(message ?? ''), t('status.offline.text'))),
      now.model_error && problem(t('status.model.missing'), told(now.model_error)),
      now.indexing.state === 'failed' && problem(t('status.state.failed'), told(now.indexing.message ?? '')),
      ...groups.map(({ count, reason, advice, files }) =>
        problem(t('status.problem.files', { n: count, reason: told(reason) }), advice && told(advice), files && h('small', {}, files.slice(0, NAMED).join(', '), count > Math.min(NAMED, files.length) && ' …'))),
    ].filter(Boolean));
    problems.hidden = !problems.childElementCount;
  }

  function draw() {
    const now = lastStatus();
    const text = JSON.stringify(now);
    if (!now || text === drawn) return; // what the reader has selected stays so
    drawn = text;
    cards.replaceChildren(indexing(now), ...sourcesOf(now).map((source) => sourceCard(source, now)), ...machinesOf(now));
    about.replaceChildren(model(now));
    leaving.hidden = !now.passcode;
    drawProblems();
    const state = `${now.rejected} ${isBusy()}`;
    if (state === known) return;
    known = state;
    cursor = undefined;
    load();
  }

  const until = new AbortController();
  server.addEventListener('status', draw, { signal: until.signal });
  draw();
  poll();
  return { element, title: t('status.title'), destroy: () => until.abort() };
}

/** Where the photos come from: one place, or several. */
const sourcesOf = ({ sources, library }) => (sources.length > 1 ? sources : [library]);

const problem = (title, ...texts) =>
  h('li.problem', {}, icon('warning'), h('div', {}, h('strong', {}, title), texts.filter(Boolean).map((text) => h('p', {}, text))));

const card = (title, ...content) => h('section.card', {}, h('h2', {}, title), ...content);

function indexing({ indexing: { state, done, total, images_per_s: rate, eta_s: eta, message }, rejected, images, library }) {
  const busy = state === 'indexing' || (state === 'scanning' && total > 0);
  const left = eta !== null && eta > 0 ? t('status.eta', { time: duration(eta) }) : '';
  const lead = busy && total ? [t('status.progress', { done, total }), left].filter(Boolean).join(', ')
    : state === 'idle' && rejected ? t('status.state.rejected', { n: rejected }) : t(`status.state.${state}`);
  return card(t('status.indexing'),
    h('p.lead', {}, lead),
    busy && h('progress', { max: Math.max(1, total), value: done, 'aria-label': t('status.indexing') }),
    busy && rate > 0 && h('p.quiet', {}, t('status.rate', { rate: decimal(rate) })),
    h('p', {}, t('status.images', { n: images })),
    message && state !== 'failed' && h('p', {}, message),
    ...skippedOf(library));
}

/** Those that search together with the server, if any do. */
function machinesOf({ machines }) {
  if (!machines.length) return [];
  return [card(t('status.machines'), h('ul.machines', {}, machines.map(({ name, state }) =>
    h('li', {}, h(`span.dot${state === 'ready' ? '' : '.off'}`), h('bdi', {}, name), ' · ', t(`status.machine.${state}`)))))];
}

function sourceCard(source, { offline, sources }) {
  const { name, online } = source;
  return card(t('status.source'),
    h('p.lead', {}, h('bdi', {}, name)),
    h('p', {}, h(`span.dot${online ? '' : '.off'}`), t(online ? 'status.library.online' : 'status.library.offline')),
    sources.length === 1 && offline > 0 && h('p', {}, t('status.offline', { n: offline })),
    ...watchingOf(source));
}

function model({ model: card_, next_model: next, search, version }) {
  return card(t('status.model'),
    card_ ? h('p.lead', {}, card_.name) : h('p', {}, t('status.model.missing')),
    card_ && h('p', {}, t('status.model.dim', { dim: number(card_.dim), runtime: card_.runtime })),
    card_ && h('p', {}, t(card_.words ? 'status.model.words' : 'status.model.wordless')),
    card_?.weights && h('p.quiet', {}, t('status.model.weights', { weights: card_.weights })),
    next && h('p', {}, t('status.model.next', { name: next.name, dim: number(next.dim) })),
    search && h('p.quiet', {}, `${t('status.search', search)} · ${t('status.version', { version })}`));
}
