/** Small parts that several views share. */
import { h } from './dom.js';
import { server } from './server.js';
import { t } from './text.js';

const TOAST_MS = 5000;

/** A whole-view message that says what to do: a title, a text and links or buttons. */
export const emptyState = (title, text, ...actions) =>
  h('section.empty', {}, h('h2', {}, title), text && h('p', {}, text), actions.length > 0 && h('p.actions', {}, actions));

/** What went wrong, and a way to try again if that may help; by itself once a server that was away is back. */
export function failure(error, retry) {
  const element = h('section.empty', { role: 'alert' },
    h('h2', {}, t('error.title')),
    h('p', {}, error.message),
    retry && h('p.actions', {}, h('button', { type: 'button', onclick: retry }, t('error.retry'))));
  server.addEventListener('back', () => element.isConnected && retry?.(), { once: true });
  return element;
}

/** A labelled range input with its value beside it. */
export function slider({ label, min, max, step, value, format, oninput, onchange }) {
  const output = h('output', {}, format(value));
  const input = h('input', { type: 'range', min, max, step, value, 'aria-label': label });
  const report = () => {
    output.textContent = format(input.valueAsNumber);
    input.setAttribute('aria-valuetext', output.textContent);
  };
  input.addEventListener('input', () => {
    report();
    oninput?.(input.valueAsNumber);
  });
  input.addEventListener('change', () => onchange?.(input.valueAsNumber));
  report();
  const element = h('label.slider', {}, h('span', {}, label), input, output);
  element.set = (to) => {
    input.value = to;
    report();
  };
  element.begin = (at) => {
    input.min = at;
    report();
  };
  return element;
}

/** A check box with its label. */
export const checkbox = (label, checked, onchange) =>
  h('label.option', {}, h('input', { type: 'checkbox', checked, onchange: (event) => onchange(event.target.checked) }), h('span', {}, label));

/** A modal dialog with a title and a close button; Escape and a click beside it close it too. */
export function openDialog(className, title, ...content) {
  const dialog = h(`dialog.${className}`, { 'aria-label': title },
    h('div.head', {}, h('h2', {}, title),
      h('button.plain', { type: 'button', 'aria-label': t('app.close'), onclick: () => dialog.close() }, '×')),
    ...content);
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

const region = h('div.toasts', { role: 'status' });
document.body.append(region);

/** A short notice at the foot of the window, read out politely. */
export function toast(text, button) {
  const notice = h('p.toast', {}, text, button);
  button?.addEventListener('click', () => notice.remove());
  region.replaceChildren(notice);
  setTimeout(() => notice.remove(), TOAST_MS);
}
