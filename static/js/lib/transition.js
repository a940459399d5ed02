/** A photo that grows out of its tile and shrinks back into it, where the browser can and the reader likes motion. */
const still = matchMedia('(prefers-reduced-motion: reduce)');

const pictureOf = (id) => document.querySelector(`.photo[data-id="${id}"] .frame, .tile[data-id="${id}"] img`);
const name = (element, as) => element && (element.style.viewTransitionName = as);

/** Makes the `change`; photo `id` moves from where it was shown before it to where it is after it. */
export async function morph(id, change) {
  const from = id && pictureOf(id);
  if (!document.startViewTransition || still.matches || document.hidden || !from) return change();
  name(from, 'photo');
  let to = null;
  const transition = document.startViewTransition(async () => {
    name(from, '');
    await change();
    to = pictureOf(id);
    name(to, 'photo');
  });
  transition.finished.finally(() => name(to, '')).catch(() => {}); // one that is skipped says so
  transition.ready.catch(() => {});
  await transition.updateCallbackDone;
}
