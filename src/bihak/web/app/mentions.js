/** Who is meant, in a text that is being written and in one that was said. No I/O. */

/** @typedef {import("../sdk/wire.js").Participant} Participant */
/** @typedef {{name: string, isMe: boolean}} Mentioned */

const MOST = 6;
const LONGEST_NAME = 200;
/** Not in the middle of a word, as in an address: the server reads it the same way. */
const AT = /(?<![\p{L}\p{N}_@])@(?=[\p{L}\p{N}_])/gu;
/** The sign that the caret is behind, with the few words of a name. */
const BEING_WRITTEN = /(?<![\p{L}\p{N}_@])@([\p{L}\p{N}_.'’-]*(?: [\p{L}\p{N}_.'’-]+){0,2})$/u;

/**
 * Where a text names one of those whom the server says it mentions.
 * @param {string} text @param {readonly Mentioned[]} mentioned
 * @returns {{start: number, end: number, isMe: boolean}[]}
 */
export function findMentions(text, mentioned) {
  const longestFirst = [...mentioned].sort((a, b) => b.name.length - a.name.length);
  const found = [];
  for (const { index } of mentioned.length > 0 ? text.matchAll(AT) : []) {
    const rest = text.slice(index + 1, index + 1 + LONGEST_NAME).toLocaleLowerCase();
    const who = longestFirst.find(({ name }) => rest.startsWith(name.toLocaleLowerCase()));
    if (who) found.push({ start: index, end: index + 1 + who.name.length, isMe: who.isMe });
  }
  return found;
}

/** @param {string} text @param {number} caret @returns {{start: number, query: string} | null} */
export function mentionBeingWritten(text, caret) {
  const match = BEING_WRITTEN.exec(text.slice(0, caret));
  return match ? { start: match.index, query: match[1] } : null;
}

/** Those with a word that begins so. @param {readonly Participant[]} people @param {string} query */
export function fitting(people, query) {
  const wanted = plain(query);
  const fits = (/** @type {Participant} */ { name, user_id }) =>
    ` ${plain(name ?? "")}`.includes(` ${wanted}`) || user_id.startsWith(wanted);
  return people.filter(fits).slice(0, MOST);
}

/** Without case and accents. @param {string} text */
const plain = (text) => text.normalize("NFD").replace(/\p{Mn}/gu, "").toLowerCase();
