/**
 * Every conversation's durable events applied exactly once, in the order of their `seq`.
 *
 * The wire is at-least-once: a live event may overtake a replay, come twice after a reconnect, or be missing. What has
 * been seen is dropped; what is early is held while the events before it are asked for.
 */

/** @typedef {import("./wire.js").DurableFrame} DurableFrame */
/** @typedef {import("./wire.js").Head} Head */

/**
 * @typedef {Object} Cursor
 * @property {number} seq  the last one applied
 * @property {number} replayTo  the server is sending the events up to here, in order; 0 when it is not
 * @property {boolean} repairing  asked for, and no `subscribed` yet
 * @property {Map<number, DurableFrame>} held
 */

export class Cursors {
  /** @type {Map<number, Cursor>} */
  #cursors = new Map();
  #apply;
  #repair;

  /**
   * @param {(frame: DurableFrame) => void} apply  called once for each event, in order
   * @param {(conversationId: number, afterSeq: number) => void} repair  asks the server for the events after a seq
   */
  constructor(apply, repair) {
    this.#apply = apply;
    this.#repair = repair;
  }

  /** @returns {Record<string, number> | undefined} what `auth` takes as `resume`; nothing for a first connection */
  resume() {
    if (this.#cursors.size === 0) return undefined;
    return Object.fromEntries([...this.#cursors].map(([id, { seq }]) => [id, seq]));
  }

  /**
   * With what is cached, and after `auth_success`. A conversation met for the first time starts at its head, for its state is going to be
   * fetched; one that is resumed is replayed up to its head.
   * @param {Head[]} heads
   */
  begin(heads) {
    for (const { conversation_id, last_seq } of heads) {
      const cursor = this.#cursors.get(conversation_id);
      if (cursor) cursor.replayTo = last_seq;
      else this.skipTo(conversation_id, last_seq);
    }
  }

  /** @param {number} conversationId @param {number} seq  everything up to here is known by other means */
  skipTo(conversationId, seq) {
    const cursor = this.#cursors.get(conversationId);
    if (!cursor) {
      this.#cursors.set(conversationId, { seq, replayTo: 0, repairing: false, held: new Map() });
      return;
    }
    cursor.seq = Math.max(cursor.seq, seq);
    this.#drain(cursor);
  }

  /** Starts over here, backwards too: a server restored from a backup counts on from what it has. @param {Head} head */
  restart({ conversation_id, last_seq }) {
    this.forget(conversation_id);
    this.skipTo(conversation_id, last_seq);
  }

  /** @param {DurableFrame} frame */
  receive(frame) {
    const { conversation_id: id, seq } = frame;
    if (!this.#cursors.has(id)) this.skipTo(id, seq - 1);
    const cursor = /** @type {Cursor} */ (this.#cursors.get(id));
    if (seq <= cursor.seq) return;
    // A replay shows only what one's membership covers, so what it leaves out is not missing.
    if (cursor.replayTo >= seq) cursor.seq = seq - 1;
    if (seq > cursor.seq + 1) {
      cursor.held.set(seq, frame);
      this.#ask(id, cursor);
      return;
    }
    cursor.seq = seq;
    this.#apply(frame);
    this.#drain(cursor);
  }

  /** After `resumed`: there is no more of the replay. @param {Head} head */
  replayed({ conversation_id, last_seq }) {
    const cursor = this.#cursors.get(conversation_id);
    if (!cursor) return; // one that was left while we were away is not to come back to life
    // How far the replay goes is not said of one that we are out of again: what came of it is held, and has gaps.
    const held = [...cursor.held.keys()].filter((seq) => seq <= last_seq).sort((a, b) => a - b);
    for (const seq of [...held, last_seq + 1]) {
      if (this.#cursors.get(conversation_id) === cursor) this.skipTo(conversation_id, seq - 1);
    }
  }

  /** After `subscribed`: the events up to its head follow. @param {Head} head */
  replaying({ conversation_id, last_seq }) {
    const cursor = this.#cursors.get(conversation_id);
    if (!cursor) return;
    cursor.repairing = false;
    cursor.replayTo = last_seq;
  }

  /** The next event or heartbeat asks again. @param {number} conversationId */
  repairFailed(conversationId) {
    const cursor = this.#cursors.get(conversationId);
    if (cursor) cursor.repairing = false;
  }

  /** @param {Head[]} heads  asks for what these conversations have and we do not */
  compare(heads) {
    for (const { conversation_id, last_seq } of heads) {
      const cursor = this.#cursors.get(conversation_id);
      if (cursor && last_seq > cursor.seq) this.#ask(conversation_id, cursor);
    }
  }

  /** @param {number} conversationId */
  forget(conversationId) {
    this.#cursors.delete(conversationId);
  }

  /** What was held or asked for on the lost connection comes again with the resume. */
  disconnected() {
    for (const cursor of this.#cursors.values()) {
      cursor.held.clear();
      cursor.repairing = false;
      cursor.replayTo = 0;
    }
  }

  /** @param {number} id @param {Cursor} cursor */
  #ask(id, cursor) {
    if (cursor.repairing) return;
    cursor.repairing = true;
    this.#repair(id, cursor.seq);
  }

  /** @param {Cursor} cursor */
  #drain(cursor) {
    for (let next = cursor.held.get(cursor.seq + 1); next; next = cursor.held.get(cursor.seq + 1)) {
      cursor.seq = next.seq;
      this.#apply(next);
    }
    for (const seq of cursor.held.keys()) if (seq <= cursor.seq) cursor.held.delete(seq);
  }
}
