/** Moments in the reader's own language and time zone. */

import { date, relative, t } from "./words.js";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** @param {string} moment */
export const timeOf = (moment) => time(new Date(moment));

/** @param {string} moment */
export const exactly = (moment) => date(new Date(moment), { dateStyle: "full", timeStyle: "short" });

/** @param {string} moment @returns {string} the same for two moments of one day, here */
export const dayOf = (moment) => new Date(moment).toDateString();

/** @param {string} moment @param {Date} [now] @returns {string} as a divider between days */
export function dayName(moment, now = new Date()) {
  const then = new Date(moment);
  const days = daysBetween(then, now);
  if (days === 0 || days === 1) return capital(relative(-days, "day"));
  if (then.getFullYear() === now.getFullYear()) return date(then, { weekday: "long", day: "numeric", month: "long" });
  return date(then, { day: "numeric", month: "long", year: "numeric" });
}

/** @param {string} moment @param {Date} [now] @returns {string} as short as a list wants it */
export function brief(moment, now = new Date()) {
  const then = new Date(moment);
  const days = daysBetween(then, now);
  if (days <= 0) return time(then);
  if (days === 1) return capital(relative(-1, "day"));
  return date(then, days < 7 ? { weekday: "long" } : { day: "numeric", month: "short" });
}

/** @param {string} moment @param {Date} [now] @returns {string} "5 minutes ago" */
export function ago(moment, now = new Date()) {
  const minutes = Math.floor((now.getTime() - new Date(moment).getTime()) / MINUTE_MS);
  if (minutes < 1) return t("status.justNow");
  if (minutes < 60) return relative(-minutes, "minute");
  if (minutes < 24 * 60) return relative(-Math.floor(minutes / 60), "hour");
  return relative(-Math.floor(minutes / (24 * 60)), "day");
}

/** @param {Date} moment */
const time = (moment) => date(moment, { hour: "numeric", minute: "2-digit" });

/** @param {Date} then @param {Date} now */
function daysBetween(then, now) {
  const midnight = (/** @type {Date} */ date) => Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  return Math.round((midnight(now) - midnight(then)) / DAY_MS);
}

/** @param {string} words */
const capital = (words) => words.charAt(0).toLocaleUpperCase() + words.slice(1);
