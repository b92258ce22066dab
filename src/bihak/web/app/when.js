/** Moments in the reader's own language and time zone. */

const time = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const shortDate = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const longDate = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const fullDate = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** @param {string} moment */
export const timeOf = (moment) => time.format(new Date(moment));

/** @param {string} moment */
export const exactly = (moment) => exact.format(new Date(moment));

/** @param {string} moment @returns {string} the same for two moments of one day, here */
export const dayOf = (moment) => new Date(moment).toDateString();

/** @param {string} moment @param {Date} [now] @returns {string} as a divider between days */
export function dayName(moment, now = new Date()) {
  const then = new Date(moment);
  const days = daysBetween(then, now);
  if (days === 0 || days === 1) return capital(relative.format(-days, "day"));
  return (then.getFullYear() === now.getFullYear() ? longDate : fullDate).format(then);
}

/** @param {string} moment @param {Date} [now] @returns {string} as short as a list wants it */
export function brief(moment, now = new Date()) {
  const then = new Date(moment);
  const days = daysBetween(then, now);
  if (days <= 0) return time.format(then);
  if (days === 1) return capital(relative.format(-1, "day"));
  return (days < 7 ? weekday : shortDate).format(then);
}

/** @param {string} moment @param {Date} [now] @returns {string} "5 minutes ago" */
export function ago(moment, now = new Date()) {
  const minutes = Math.floor((now.getTime() - new Date(moment).getTime()) / MINUTE_MS);
  if (minutes < 1) return "just now";
  if (minutes < 60) return relative.format(-minutes, "minute");
  if (minutes < 24 * 60) return relative.format(-Math.floor(minutes / 60), "hour");
  return relative.format(-Math.floor(minutes / (24 * 60)), "day");
}

/** @param {Date} then @param {Date} now */
function daysBetween(then, now) {
  const midnight = (/** @type {Date} */ date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((midnight(now) - midnight(then)) / DAY_MS);
}

/** @param {string} words */
const capital = (words) => words.charAt(0).toLocaleUpperCase() + words.slice(1);
