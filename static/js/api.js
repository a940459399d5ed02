/** The device's HTTP API: JSON in, JSON out, one kind of error. */
import { t } from './text.js';

/** A failed request; `away` when no server answered at all. */
export class ApiError extends Error {
  constructor(message, { code = 'away', status = 0 } = {}) {
    super(message);
    this.code = code;
    this.status = status;
  }

  get away() {
    return this.status === 0;
  }
}

const heard = new EventTarget();

/** Calls `listener(reachable)` after every request. */
export const onContact = (listener) => heard.addEventListener('contact', (event) => listener(event.detail));

export const get = (path, params = {}, signal) => request(`${path}${search(params)}`, { signal });

export const post = (path, body, signal) => {
  const form = body instanceof FormData;
  const headers = { 'X-Edge-Gallery': '1' };
  if (!form) headers['Content-Type'] = 'application/json';
  return request(path, { method: 'POST', headers, body: form ? body : JSON.stringify(body), signal });
};

function search(params) {
  const kept = Object.entries(params).filter(([, value]) => value !== undefined && value !== '' && value !== null);
  return kept.length ? `?${new URLSearchParams(kept)}` : '';
}

async function request(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    contact(false);
    throw new ApiError(t('away.error'));
  }
  const body = await response.json().catch(() => null);
  // A proxy in front answers 502 to 504 in its own words when the device is away.
  if (!body && response.status >= 502 && response.status <= 504) {
    contact(false);
    throw new ApiError(t('away.error'));
  }
  contact(true);
  if (response.ok && body) return body;
  throw new ApiError(body?.error?.message ?? t('error.unexpected', { status: response.status }), {
    code: body?.error?.code ?? 'unexpected',
    status: response.status,
  });
}

const contact = (reachable) => heard.dispatchEvent(new CustomEvent('contact', { detail: reachable }));
