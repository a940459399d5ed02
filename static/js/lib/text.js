/** Words and numbers in the reader's language. */
import { language, messages, reasons } from './language.js';

const locale = navigator.languages.find((tag) => tag.toLowerCase().startsWith(language)) ?? language;
const plural = new Intl.PluralRules(locale);
const integer = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const percentage = new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 });
const two = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
// The device's times are wall-clock times without a zone: read and shown as UTC they stay as they are.
const day = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeZone: 'UTC' });
const minute = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });
const month = new Intl.DateTimeFormat(locale, { month: 'long', year: 'numeric', timeZone: 'UTC' });
const utc = (iso) => new Date(iso.length > 10 ? `${iso}Z` : iso);

/** The message `key` with its `{values}`; numbers are written the reader's way. */
export function t(key, values = {}) {
  let message = messages[key] ?? key;
  if (typeof message === 'object') message = message[plural.select(values.n)] ?? message.other;
  return message.replace(/\{(\w+)\}/g, (_, name) =>
    typeof values[name] === 'number' ? integer.format(values[name]) : values[name],
  );
}

export const told = (text) => reasons.reduce((said, [pattern, words]) => said.replace(pattern, words), text);

export { language };
export const number = (n) => integer.format(n);
export const decimal = (n) => short.format(n);
export const percent = (fraction) => percentage.format(fraction);
export const score = (cosine) => two.format(cosine);
export const date = (iso) => (isNaN(utc(iso)) ? iso : day.format(utc(iso)));
export const dateTime = (iso) => minute.format(utc(iso));
export const monthOf = (iso) => month.format(utc(iso));

export function bytes(n) {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(n, 1)) / 3));
  return new Intl.NumberFormat(locale, {
    style: 'unit', unit: units[step], unitDisplay: step ? 'short' : 'long', maximumFractionDigits: step > 1 ? 1 : 0,
  }).format(n / 1000 ** step);
}

/** A duration a person would say: one unit, rounded. */
export function duration(seconds) {
  const [unit, size] = seconds < 90 ? ['second', 1] : seconds < 5400 ? ['minute', 60] : ['hour', 3600];
  const value = Math.max(1, Math.round(seconds / size));
  return new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(value);
}
