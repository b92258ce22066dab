/** Plain text as people expect to see it: web addresses become links, mentions stand out, a few emoji become large. */

import { el } from "./dom.js";

/** @typedef {{name: string, isMe: boolean}} Mentioned */
/** @typedef {{start: number, end: number, node: (text: string) => HTMLElement}} Mark */

/** Nothing but http and https, so no address can run code. */
const ADDRESS = /https?:\/\/[^\s<>"]+/giu;
/** Not in the middle of a word, as in an address: the server reads it the same way. */
const AT = /(?<![\p{L}\p{N}_@])@(?=[\p{L}\p{N}_])/gu;
const LONGEST_NAME = 200;
const CLOSING = /[.,:;!?'")\]}]+$/u;
const FEW_EMOJI =
  /^(?:\p{Extended_Pictographic}(?:\uFE0F|\u200D\p{Extended_Pictographic}|\p{Emoji_Modifier})*\s*){1,3}$/u;

/** @param {string} text @param {readonly Mentioned[]} [mentioned] @returns {(string | HTMLElement)[]} */
export function rich(text, mentioned = []) {
  /** @type {(string | HTMLElement)[]} */
  const parts = [];
  let end = 0;
  for (const mark of marks(text, mentioned)) {
    if (mark.start < end) continue;
    parts.push(text.slice(end, mark.start), mark.node(text.slice(mark.start, mark.end)));
    end = mark.end;
  }
  parts.push(text.slice(end));
  return parts.filter((part) => part !== "");
}

/** @param {string} text */
export const isFewEmoji = (text) => FEW_EMOJI.test(text);

/**
 * Where a text names one of those whom the server says it mentions.
 * @param {string} text @param {readonly Mentioned[]} mentioned
 * @returns {{start: number, end: number, isMe: boolean}[]}
 */
function findMentions(text, mentioned) {
  const longestFirst = [...mentioned].sort((a, b) => b.name.length - a.name.length);
  const found = [];
  for (const { index } of mentioned.length > 0 ? text.matchAll(AT) : []) {
    const rest = text.slice(index + 1, index + 1 + LONGEST_NAME).toLocaleLowerCase();
    const who = longestFirst.find(({ name }) => rest.startsWith(name.toLocaleLowerCase()));
    if (who) found.push({ start: index, end: index + 1 + who.name.length, isMe: who.isMe });
  }
  return found;
}

/** @param {string} text @param {readonly Mentioned[]} mentioned @returns {Mark[]} in order */
function marks(text, mentioned) {
  const links = [...text.matchAll(ADDRESS)].map(({ index, 0: address }) => ({
    start: index,
    end: index + trimmed(address).length,
    node: link,
  }));
  const names = findMentions(text, mentioned).map(({ start, end, isMe }) => ({
    start,
    end,
    node: (/** @type {string} */ name) => el("span", { class: isMe ? "mention is-me" : "mention" }, name),
  }));
  return [...links, ...names].sort((a, b) => a.start - b.start);
}

/** A sentence's own punctuation is not part of the address; a bracket that it opened is. @param {string} address */
function trimmed(address) {
  const shorter = address.replace(CLOSING, "");
  return address.startsWith(`${shorter})`) && shorter.includes("(") ? `${shorter})` : shorter;
}

/** @param {string} href */
const link = (href) => el("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, href);
