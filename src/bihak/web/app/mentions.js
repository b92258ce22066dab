/** Who may be meant, in a text that is being written. No I/O. */

/** @typedef {import("../sdk/wire.js").Participant} Participant */

const MOST = 6;
/** The sign that the caret is behind, with the few words of a name. */
const BEING_WRITTEN = /(?<![\p{L}\p{N}_@])@([\p{L}\p{N}_.'’-]*(?: [\p{L}\p{N}_.'’-]+){0,2})$/u;

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
