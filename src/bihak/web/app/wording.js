/** Sentences about people. */

import { ago } from "./when.js";

/** @typedef {import("../sdk/wire.js").Participant} Participant */

/** @param {string[]} names @param {{short?: boolean}} [options]  short: whose it is goes without saying */
export function typingWords(names, { short = false } = {}) {
  if (names.length === 0) return "";
  if (short) return "typing…";
  if (names.length === 1) return `${names[0]} is typing…`;
  if (names.length === 2) return `${names[0]} and ${names[1]} are typing…`;
  return `${names.length} people are typing…`;
}

/** @param {Participant[]} others  everyone but the reader */
export function membersWords(others) {
  const online = others.filter(({ status }) => status === "online").length;
  const members = others.length === 0 ? "Just you" : `${others.length + 1} members`;
  return online > 0 ? `${members}, ${online} online` : members;
}

/** @param {Participant | undefined} person */
export function presenceOf(person) {
  if (person?.status === "online") return "Online";
  if (person?.status === "away") return "Away";
  return person?.last_seen_at ? `Last seen ${ago(person.last_seen_at)}` : "Offline";
}
