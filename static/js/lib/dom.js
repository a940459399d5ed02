/** Builds an element: `h('button.icon', {type: 'button', onclick: f}, 'text')`.
 *
 * Strings become text nodes and props become attributes, so no file name can turn into markup. */
export function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split('.');
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(' ');
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A file name as text that cannot reorder the words around it. */
export const named = (name) => h('bdi.name', {}, name);

/** A phone or a tablet has one. */
export const hasCamera = matchMedia('(pointer: coarse)').matches;

/** Runs `f` once, `wait_ms` after the last call. */
export function debounce(f, wait_ms) {
  let timer;
  const later = (...args) => {
    clearTimeout(timer);
    timer = setTimeout(f, wait_ms, ...args);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

/** Copies text, also where the page is not a secure context (plain HTTP on a LAN). */
export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = h('textarea.visually-hidden', {}, text);
  (document.querySelector('dialog[open]') ?? document.body).append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

const styles = new Map();

/** Resolves once this stylesheet is in the page. */
export function addStyle(path) {
  if (!styles.has(path)) {
    styles.set(path, new Promise((resolve) => document.head.append(h('link', { rel: 'stylesheet', href: path, onload: resolve, onerror: resolve }))));
  }
  return styles.get(path);
}
