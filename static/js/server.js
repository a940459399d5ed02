/** Follows the device: is it there, and how is its index doing? */
import { get, onContact } from './api.js';

const BUSY_MS = 1500;
const IDLE_MS = 12000;
const AWAY_FIRST_MS = 2000;
const AWAY_LAST_MS = 15000;

/** Fires `status` with each new status, `away` and `back` when the server goes and returns. */
export const server = new EventTarget();

let status = null;
let away = false;
let wait_ms = AWAY_FIRST_MS;
let retryAt = 0;
let timer;

export const lastStatus = () => status;
export const isAway = () => away;
export const retryInSeconds = () => Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));

/** What changes when the gallery's content does. */
export const revision = () => (status ? [status.generation, status.revision ?? status.images, status.offline].join() : null);

/** Asks now; afterwards at a pace that fits what is going on. */
export async function poll() {
  clearTimeout(timer);
  try {
    status = await get('api/status');
    server.dispatchEvent(new Event('status'));
  } catch {
    // onContact has already noted an absent server; any other failure is asked again like idleness
  }
  clearTimeout(timer);
  const busy = ['scanning', 'indexing'].includes(status?.indexing.state);
  const next_ms = away ? wait_ms : busy ? BUSY_MS : IDLE_MS;
  if (away) wait_ms = Math.min(AWAY_LAST_MS, wait_ms * 1.6);
  retryAt = Date.now() + next_ms;
  if (!document.hidden) timer = setTimeout(poll, next_ms);
}

onContact((reachable) => {
  if (reachable === !away) return;
  away = !reachable;
  wait_ms = AWAY_FIRST_MS;
  server.dispatchEvent(new Event(away ? 'away' : 'back'));
  if (away) poll();
});
document.addEventListener('visibilitychange', () => !document.hidden && poll());
