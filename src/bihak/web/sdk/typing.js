/** Turns key strokes into few `typing_start` and `typing_stop` frames. */

const START_EVERY_MS = 3_000;
const STOP_AFTER_MS = 4_000;

/** @typedef {{startedMs: number, idle: ReturnType<typeof setTimeout>}} Spell */

export class Typing {
  /** @type {Map<number, Spell>} */
  #spells = new Map();
  #send;
  #nowMs;

  /**
   * @param {(type: "typing_start" | "typing_stop", conversationId: number) => void} send
   * @param {() => number} [nowMs]
   */
  constructor(send, nowMs = () => performance.now()) {
    this.#send = send;
    this.#nowMs = nowMs;
  }

  /** @param {number} conversationId  a key was struck */
  touch(conversationId) {
    const spell = this.#spells.get(conversationId);
    clearTimeout(spell?.idle);
    const nowMs = this.#nowMs();
    const due = !spell || nowMs - spell.startedMs >= START_EVERY_MS;
    if (due) this.#send("typing_start", conversationId);
    this.#spells.set(conversationId, {
      startedMs: due ? nowMs : spell.startedMs,
      idle: setTimeout(() => this.stop(conversationId), STOP_AFTER_MS),
    });
  }

  /** @param {number} conversationId */
  stop(conversationId) {
    const spell = this.#spells.get(conversationId);
    if (!spell) return;
    clearTimeout(spell.idle);
    this.#spells.delete(conversationId);
    this.#send("typing_stop", conversationId);
  }

  /** The connection is gone, and with it whatever the others saw. */
  disconnected() {
    for (const { idle } of this.#spells.values()) clearTimeout(idle);
    this.#spells.clear();
  }
}
