/** Single keys that work anywhere on the page, and those of the view on show. */
let global = {};
let local = {};

export const setGlobal = (keys) => (global = keys);
export const setLocal = (keys) => (local = keys ?? {});

addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest('input:not([type=range]):not([type=checkbox]):not([type=radio]), textarea, select, dialog')) return;
  if (event.target.closest('input') && event.key.startsWith('Arrow')) return;
  const action = local[event.key] ?? global[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
