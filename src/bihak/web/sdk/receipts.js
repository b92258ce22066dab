/** Our messages that are sent and that nobody is known to have read yet. */

/** @typedef {import("./outbox.js").Entry} Entry */

/** Whoever writes more than this unread sees ticks turn for the newest alone. */
const WATCHED = 200;

/**
 * @typedef {Object} Watch
 * @property {Entry[]} entries
 * @property {Map<number, number>} seqs  of messages after the first of the entries, by message_id: ids have no order
 */

export class Receipts {
  /** @type {Map<number, Watch>} */
  #watches = new Map();

  /** @param {Entry} entry  has `sent` */
  sent(entry) {
    const { conversation_id } = entry;
    const watch = this.#watches.get(conversation_id) ?? { entries: [], seqs: new Map() };
    watch.entries = [...watch.entries, entry].slice(-WATCHED);
    this.#watches.set(conversation_id, watch);
    if (entry.sent) this.noticed({ ...entry.sent, conversation_id });
  }

  /** @param {{conversation_id: number, message_id: number, seq: number}} message */
  noticed({ conversation_id, message_id, seq }) {
    const seqs = this.#watches.get(conversation_id)?.seqs;
    if (!seqs) return;
    seqs.set(message_id, seq);
    if (seqs.size > 2 * WATCHED) seqs.delete(/** @type {number} */ (seqs.keys().next().value));
  }

  /**
   * Somebody else has read up to there.
   * @param {{conversation_id: number, message_id: number}} cursor
   * @returns {Entry[]} those of ours that are read thereby, each told once
   */
  read({ conversation_id, message_id }) {
    const watch = this.#watches.get(conversation_id);
    const upTo = watch?.seqs.get(message_id) ?? 0;
    const isRead = (/** @type {Entry} */ { sent }) => (sent?.seq ?? 0) <= upTo;
    const read = watch?.entries.filter(isRead) ?? [];
    if (watch) watch.entries = watch.entries.filter((entry) => !isRead(entry));
    if (watch?.entries.length === 0) this.#watches.delete(conversation_id);
    return read;
  }
}
