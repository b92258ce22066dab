/** Moments, people, and what went wrong, in the reader's own words and time zone. */

import { isDirect } from "./state.js";
import { date, relative, t } from "./words.js";

/** @typedef {import("../sdk/wire.js").Participant} Participant */
/** @typedef {import("../sdk/wire.js").Status} Status */
/** @typedef {import("../sdk/wire.js").Notification} Notice */

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

/** @param {string[]} names @param {{short?: boolean}} [options]  short: whose it is goes without saying */
export function typingWords(names, { short = false } = {}) {
  if (names.length === 0) return "";
  if (short) return t("typing.short");
  if (names.length === 1) return t("typing.one", { name: names[0] });
  if (names.length === 2) return t("typing.two", { first: names[0], second: names[1] });
  return t("typing.many", { count: names.length });
}

/** @param {Participant[]} others  everyone but the reader */
export function membersWords(others) {
  const online = others.filter(({ status }) => status === "online").length;
  const members = others.length === 0 ? t("list.justYou") : t("members.count", { count: others.length + 1 });
  return online > 0 ? t("members.online", { members, count: online }) : members;
}

/** @param {Participant | undefined} person */
export function presenceOf(person) {
  if (person?.status === "online" || person?.status === "away") return statusWord(person.status);
  return person?.last_seen_at ? t("status.lastSeen", { ago: ago(person.last_seen_at) }) : t("status.offline");
}

/** @param {Status} status @returns {string} */
export function statusWord(status) {
  if (status === "online") return t("status.online");
  return status === "away" ? t("status.away") : t("status.offline");
}

/** @param {Status} status  of the reader, who is here and can only appear to be offline */
export const ownStatusWord = (status) => (status === "offline" ? t("status.invisible") : statusWord(status));

/** What the platform calls them, where these words know it. @param {string} type */
export function typeWord(type) {
  if (type === "user") return t("type.user");
  if (type === "mentor") return t("type.mentor");
  return type === "admin" ? t("type.admin") : type;
}

/** @param {import("./state.js").State} state @param {string} userId */
export const nameIn = (state, userId) => (userId === state.myId ? t("message.you") : state.people.nameOf(userId));

/** @param {Notice} notice @param {import("./state.js").State} state @returns {{title: string, text: string}} */
export function noticeWords({ kind, conversation_id: id, message_id: messageId, count }, state) {
  const conversation = state.find(id);
  const title = conversation ? state.titleOf(conversation) : t("notices.gone");
  const last = conversation?.last_message;
  const known = messageId ? state.timeline(id).find(messageId) : undefined;
  const message = known ?? (last?.message_id === messageId ? last : undefined);
  if (kind === "added") return { title, text: t("notices.added") };
  const text = message?.content ?? "";
  const named = message && conversation && !isDirect(conversation) ? `${message.sender_name}: ${text}` : text;
  if (kind === "mention") return { title, text: text ? t("notices.mentionOf", { text: named }) : t("notices.mention") };
  if (count === 1 && text) return { title, text: named };
  return { title, text: t("notices.messages", { count }) };
}

/** @param {unknown} fault  of the client library @returns {string} a sentence that stands alone */
export function faultWords(fault) {
  const { code, message } = /** @type {import("../sdk/sdk.js").Fault} */ (fault);
  return Object.hasOwn(REASONS, code) ? REASONS[code]() : t("error.other", { message });
}

/** @param {{code?: string, message?: string}} fault @returns {string} why something did not work */
export function reasonWords({ code = "", message = "" }) {
  return Object.hasOwn(REASONS, code) ? REASONS[code]() : message;
}

/** What people hear for each code of the server's and of the library's; for any other what came with it. */
const REASONS = /** @type {Record<string, () => string>} */ ({
  already_authenticated: () => t("error.anotherPerson"),
  another_person: () => t("error.anotherPerson"),
  conflict: () => t("error.conflict"),
  disconnected: () => t("error.disconnected"),
  forbidden: () => t("error.forbidden"),
  internal: () => t("error.internal"),
  invalid_field: () => t("error.invalid"),
  invalid_frame: () => t("error.invalid"),
  invalid_token: () => t("error.signIn"),
  not_authenticated: () => t("error.signIn"),
  not_found: () => t("error.notFound"),
  rate_limited: () => t("error.rateLimited"),
  revoked: () => t("error.revoked"),
  slow_consumer: () => t("error.disconnected"),
  timed_out: () => t("error.unavailable"),
  token_expired: () => t("error.signIn"),
  too_large: () => t("error.tooLarge"),
  too_many_connections: () => t("error.tooManyConnections"),
  unavailable: () => t("error.unavailable"),
  unknown_type: () => t("error.invalid"),
});
