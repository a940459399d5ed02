/** Which of some copies is the one to keep, and why. */

// In this order; the first in which two photos differ decides. More is better.
const REASONS = [
  ['online', ({ offline }) => (offline ? 0 : 1)],
  ['pixels', ({ width, height }) => width * height],
  ['bytes', ({ bytes }) => bytes],
  ['dated', ({ taken_at: at }) => (at ? 1 : 0)],
  ['oldest', ({ taken_at: at, modified_at: changed }) => -Date.parse(at ?? changed)],
  ['path', ({ path }) => -path.length],
];

const compare = (a, b) => {
  for (const [, of] of REASONS) if (of(a) !== of(b)) return of(b) - of(a);
  return a.id - b.id;
};

/** @returns {{image: object, reason: string}} the reason is what tells the best from the next best */
export function bestOf(images) {
  const [image, next] = [...images].sort(compare);
  return { image, reason: REASONS.find(([, of]) => of(image) !== of(next))?.[0] ?? 'first' };
}
