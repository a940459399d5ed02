/** The device: its JSON API, whether it answers at all, and how its index is doing. */
import { queryOf } from './route.js';
import { t, told } from './text.js';

const BUSY_MS = 1500;
const IDLE_MS = 5000;
const AWAY_FIRST_MS = 2000;
const AWAY_LAST_MS = 15000;

/** Fires `status` with each new status, `away` and `back` when the server goes and returns. */
export const server = new EventTarget();

let status = null;
let away = false;
let wait_ms = AWAY_FIRST_MS;
let retryAt = 0;
let timer;

/** A failed request: what the server said of it, or that no server answered. */
class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export const get = (path, params = {}, signal) => request(`${path}${queryOf(params)}`, { signal });

export const post = (path, body, signal) => {
  const form = body instanceof FormData;
  const headers = { 'X-Lookalike': '1' };
  if (!form) headers['Content-Type'] = 'application/json';
  return request(path, { method: 'POST', headers, body: form ? body : JSON.stringify(body), signal });
};

async function request(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    contact(false);
    throw new ApiError(t('away.error'));
  }
  if (response.status === 401) location.reload(); // the passcode has run out: the server asks for it
  const body = await response.json().catch(() => null);
  // A proxy in front answers 502 to 504 in its own words when the device is away.
  if (!body && response.status >= 502 && response.status <= 504) {
    contact(false);
    throw new ApiError(t('away.error'));
  }
  contact(true);
  if (response.ok && (body || response.status === 204)) return body;
  throw new ApiError(told(body?.error?.message ?? t('error.unexpected', { status: response.status })), response.status);
}

export const lastStatus = () => status;
export const isAway = () => away;
export const retryInSeconds = () => Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));

/** What changes when the gallery's content does. */
export const revision = () => (status ? [status.generation, status.revision].join() : null);

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

function contact(reachable) {
  if (reachable === !away) return;
  away = !reachable;
  wait_ms = AWAY_FIRST_MS;
  server.dispatchEvent(new Event(away ? 'away' : 'back'));
  if (away) poll();
}

document.addEventListener('visibilitychange', () => !document.hidden && poll());
