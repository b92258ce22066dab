/**
 * Messages that are not acknowledged yet, in the order they were written.
 *
 * Each carries an idempotency key for life, so that sending it again after a lost reply cannot store it twice. One at a
 * time is in flight in a conversation: were two, and only the first refused for the moment, they would change places.
 */

import { Backoff } from "../sdk/backoff.js";
import { Fault } from "../sdk/fault.js";

/** @typedef {import("./wire.js").MessageSent} MessageSent */
/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} Shelf */

/**
 * @typedef {Object} Entry
 * @property {string} key
 * @property {number} conversation_id
 * @property {string} content
 * @property {number | null} reply_to_id
 * @property {string} created_at
 * @property {"queued" | "in_flight" | "sent" | "failed"} state
 * @property {MessageSent} [sent]
 * @property {string} [reason]  why it failed, for people
 */

export class Outbox {
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /** @type {Map<number, ReturnType<typeof setTimeout>>} */
  #pauses = new Map();
  #backoff = new Backoff({ baseMs: 1_000 });
  #open = false;
  #post;
  #changed;
  #shelf;
  #shelfName;

  /**
   * @param {Object} options
   * @param {(entry: Entry) => Promise<MessageSent>} options.post  sends it; rejects with a Fault
   * @param {(entry: Entry) => void} options.changed  called whenever an entry's state changes
   * @param {Shelf} [options.shelf]  keeps what is unsent over a reload
   * @param {string} [options.shelfName]
   */
  constructor({ post, changed, shelf, shelfName = "bihak.outbox" }) {
    this.#post = post;
    this.#changed = changed;
    this.#shelf = shelf;
    this.#shelfName = shelfName;
    for (const entry of this.#load()) this.#entries.set(entry.key, { ...entry, state: "queued" });
  }

  /** @param {number} [conversationId] @returns {Entry[]} in the order they were written */
  entries(conversationId) {
    const all = [...this.#entries.values()];
    return conversationId === undefined ? all : all.filter((entry) => entry.conversation_id === conversationId);
  }

  /** @param {number} conversationId @param {string} content @param {number | null} replyToId @returns {Entry} */
  add(conversationId, content, replyToId) {
    /** @type {Entry} */
    const entry = {
      key: newKey(),
      conversation_id: conversationId,
      content,
      reply_to_id: replyToId,
      created_at: new Date().toISOString(),
      state: "queued",
    };
    this.#entries.set(entry.key, entry);
    this.#move(entry, "queued");
    this.#flush(conversationId);
    return entry;
  }

  /** @param {string} key  sends a failed one again, after whatever was written since */
  retry(key) {
    const entry = this.#entries.get(key);
    if (entry?.state !== "failed") return;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    entry.reason = undefined;
    this.#move(entry, "queued");
    this.#flush(entry.conversation_id);
  }

  /** @param {string} key  gives a failed one up */
  discard(key) {
    const entry = this.#entries.get(key);
    if (entry?.state !== "failed") return;
    this.#entries.delete(key);
    this.#move(entry, "failed");
  }

  connected() {
    this.#open = true;
    for (const id of new Set(this.entries().map((entry) => entry.conversation_id))) this.#flush(id);
  }

  disconnected() {
    this.#open = false;
    for (const timer of this.#pauses.values()) clearTimeout(timer);
    this.#pauses.clear();
  }

  /**
   * The server has stored it; told by its reply, or by the message's own event where the reply was lost.
   * @param {string} key @param {MessageSent} sent
   */
  stored(key, sent) {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    entry.sent = sent;
    this.#move(entry, "sent");
    this.#flush(entry.conversation_id);
  }

  /** @param {number} conversationId */
  #flush(conversationId) {
    if (!this.#open || this.#pauses.has(conversationId)) return;
    const unsent = this.entries(conversationId).filter((entry) => entry.state !== "failed");
    if (unsent.length > 0 && unsent[0].state === "queued") this.#dispatch(unsent[0]);
  }

  /** @param {Entry} entry */
  async #dispatch(entry) {
    this.#move(entry, "in_flight");
    try {
      const sent = await this.#post(entry);
      this.#backoff.reset();
      this.stored(entry.key, sent);
    } catch (fault) {
      if (this.#entries.has(entry.key)) this.#refused(entry, fault);
    }
  }

  /** @param {Entry} entry @param {unknown} fault */
  #refused(entry, fault) {
    if (fault instanceof Fault && fault.retryable) {
      this.#move(entry, "queued");
      this.#pause(entry.conversation_id, fault.retryAfterMs ?? this.#backoff.nextMs());
      return;
    }
    entry.reason = fault instanceof Error ? fault.message : String(fault);
    this.#move(entry, "failed");
    this.#flush(entry.conversation_id);
  }

  /** @param {number} conversationId @param {number} delayMs */
  #pause(conversationId, delayMs) {
    if (!this.#open) return;
    clearTimeout(this.#pauses.get(conversationId));
    const resume = () => {
      this.#pauses.delete(conversationId);
      this.#flush(conversationId);
    };
    this.#pauses.set(conversationId, setTimeout(resume, delayMs));
  }

  /** @param {Entry} entry @param {Entry["state"]} state */
  #move(entry, state) {
    entry.state = state;
    this.#save();
    this.#changed(entry);
  }

  #save() {
    try {
      if (this.#entries.size === 0) this.#shelf?.removeItem(this.#shelfName);
      else this.#shelf?.setItem(this.#shelfName, JSON.stringify(this.entries()));
    } catch {
      // A full or forbidden storage costs the reload's safety net, not the message.
    }
  }

  /** @returns {Entry[]} */
  #load() {
    try {
      return JSON.parse(this.#shelf?.getItem(this.#shelfName) ?? "[]");
    } catch {
      return [];
    }
  }
}

/** `randomUUID` exists only in secure contexts, and a server on a plain-http intranet is not one. */
function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
