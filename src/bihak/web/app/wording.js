/** Sentences about people. */

import { ago } from "./when.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/wire.js").Participant} Participant */

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
  if (person?.status === "online") return t("status.online");
  if (person?.status === "away") return t("status.away");
  return person?.last_seen_at ? t("status.lastSeen", { ago: ago(person.last_seen_at) }) : t("status.offline");
}
