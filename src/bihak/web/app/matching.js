/** What a search means by "contains": each word of the query begins a word of the text, whatever case and accents. */

import { el } from "./dom.js";

const WORD = /[\p{L}\p{N}\p{M}]+/gu;
const BEFORE_CHARS = 40;

/** @param {string} query @param {string[]} texts @returns {boolean} whether each word is in one of them */
export function matches(query, texts) {
  const words = texts.flatMap(wordsOf);
  return wordsOf(query).every((wanted) => words.some((word) => word.startsWith(wanted)));
}

/** @param {string} text @param {string} query @returns {(string | HTMLElement)[]} the part that matters, words marked */
export function marked(text, query) {
  const wanted = wordsOf(query);
  const hits = [...text.matchAll(WORD)].filter(([word]) => wanted.some((each) => plain(word).startsWith(each)));
  const from = startOf(text, hits[0]?.index ?? 0);
  /** @type {(string | HTMLElement)[]} */
  const parts = [from > 0 ? "…" : ""];
  let end = from;
  for (const { 0: word, index } of hits) {
    parts.push(text.slice(end, index), el("mark", {}, word));
    end = index + word.length;
  }
  parts.push(text.slice(end));
  return parts.filter((part) => part !== "");
}

/** @param {string} text @param {number} index  of the first hit */
function startOf(text, index) {
  if (index <= BEFORE_CHARS) return 0;
  const space = text.indexOf(" ", index - BEFORE_CHARS);
  return space < 0 || space > index ? index : space + 1;
}

/** @param {string} text */
const wordsOf = (text) => [...text.matchAll(WORD)].map(([word]) => plain(word));

/** @param {string} text */
const plain = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
