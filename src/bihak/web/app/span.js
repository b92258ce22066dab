/**
 * Which of the loaded messages have rows: a stretch around the reader, so that the page stays as light with a hundred
 * thousand messages as with a hundred. No I/O.
 */

/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("./timeline.js").Side} Side */
/** @typedef {readonly Message[]} Messages */

/** Rows on the page at most. They must fill well over three screens, or what is cut off would be missed at once. */
const MOST = 200;
const STEP = 40;
const AT_FIRST = 80;

export class Span {
  /** The seqs of its ends; what joins the end of an endless one is in it. */
  #from = 0;
  #to = Infinity;

  /** @param {Messages} messages @returns {number} */
  start(messages) {
    const at = messages.findIndex(({ seq }) => seq >= this.#from);
    return at < 0 ? messages.length : at;
  }

  /** @param {Messages} messages @returns {number} after its last one */
  end(messages) {
    return messages.findLastIndex(({ seq }) => seq <= this.#to) + 1;
  }

  /** @param {Messages} messages */
  isAtEnd(messages) {
    return this.end(messages) === messages.length;
  }

  /** @param {Messages} messages */
  toEnd(messages) {
    this.#put(messages, messages.length - AT_FIRST, messages.length);
  }

  /** @param {Messages} messages @param {number} seq */
  around(messages, seq) {
    const at = messages.findIndex((message) => message.seq >= seq);
    this.#put(messages, at - AT_FIRST / 2, at + AT_FIRST / 2);
  }

  /** Makes it longer on that side, and cuts off what is too much on the other. @param {Messages} messages @param {Side} side */
  extend(messages, side) {
    const [start, end] = [this.start(messages), this.end(messages)];
    if (side === "older") this.#put(messages, start - STEP, Math.min(end, start - STEP + MOST));
    else this.#put(messages, Math.max(start, end + STEP - MOST), end + STEP);
  }

  /** What has joined its end has made it longer. @param {Messages} messages @param {Side} kept  where the reader is */
  fit(messages, kept) {
    const [start, end] = [this.start(messages), this.end(messages)];
    // Not at each message: it would move the reader's place in a list that is being read.
    if (end - start <= MOST + STEP) return;
    if (kept === "newer") this.#put(messages, end - MOST, end);
    else this.#put(messages, start, start + MOST);
  }

  /** @param {Messages} messages @param {number} start @param {number} end */
  #put(messages, start, end) {
    this.#from = messages[Math.max(0, start)]?.seq ?? 0;
    this.#to = end >= messages.length ? Infinity : messages[end - 1].seq;
  }
}
