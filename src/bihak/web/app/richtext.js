/** Plain text as people expect to see it: web addresses become links, a few emoji alone become large. */

import { el } from "./dom.js";

const ADDRESS = /https?:\/\/[^\s<>"]+/giu;
const CLOSING = /[.,:;!?'")\]}]+$/u;
const FEW_EMOJI =
  /^(?:\p{Extended_Pictographic}(?:\uFE0F|\u200D\p{Extended_Pictographic}|\p{Emoji_Modifier})*\s*){1,3}$/u;

/** @param {string} text @returns {(string | HTMLAnchorElement)[]} */
export function linked(text) {
  /** @type {(string | HTMLAnchorElement)[]} */
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const href = trimmed(match[0]);
    parts.push(text.slice(end, match.index), link(href));
    end = match.index + href.length;
  }
  parts.push(text.slice(end));
  return parts.filter((part) => part !== "");
}

/** @param {string} text */
export const isFewEmoji = (text) => FEW_EMOJI.test(text);

/** A sentence's own punctuation is not part of the address; a bracket that it opened is. @param {string} address */
function trimmed(address) {
  const shorter = address.replace(CLOSING, "");
  return address.startsWith(`${shorter})`) && shorter.includes("(") ? `${shorter})` : shorter;
}

/** @param {string} href */
function link(href) {
  return el("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, href);
}
