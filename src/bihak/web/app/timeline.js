/** The messages of one conversation, as far as they have been loaded, in the order of their `seq`. */

/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("../sdk/wire.js").MessageEdited} MessageEdited */
/** @typedef {import("../sdk/wire.js").MessageDeleted} MessageDeleted */

export class Timeline {
  /** @type {Map<number, Message>} */
  #byId = new Map();
  /** @type {Message[] | null} */
  #inOrder = null;
  /** Edits and deletions that arrived before the page of history with their message. @type {Map<number, Partial<Message>>} */
  #early = new Map();
  /** Whether the newest page has been fetched, so that no hole is left between it and what came live. */
  loaded = false;
  hasOlder = true;
  loading = false;

  /** @returns {readonly Message[]} oldest first */
  get messages() {
    this.#inOrder ??= [...this.#byId.values()].sort((a, b) => a.seq - b.seq);
    return this.#inOrder;
  }

  /** @param {number} messageId */
  find(messageId) {
    return this.#byId.get(messageId);
  }

  /** A page of history may be older than an event that overtook it. @param {Message} message */
  add(message) {
    const known = this.#byId.get(message.message_id);
    const early = this.#early.get(message.message_id);
    this.#early.delete(message.message_id);
    const newest = known && changedAt(known) > changedAt(message) ? { ...message, ...known } : { ...known, ...message };
    this.#byId.set(message.message_id, early ? { ...newest, ...early } : newest);
    this.#inOrder = null;
  }

  /** @param {MessageEdited} change */
  edit({ message_id, content, edited_at }) {
    this.#change(message_id, { content, edited_at });
  }

  /** @param {MessageDeleted} change */
  remove({ message_id, deleted_at }) {
    this.#change(message_id, { content: "", deleted_at });
  }

  /** Forgets everything: what is loaded next need not join what was loaded before. */
  clear() {
    this.#byId.clear();
    this.#early.clear();
    this.#inOrder = null;
    this.loaded = false;
    this.hasOlder = true;
  }

  /** @param {number} messageId @param {Partial<Message>} change */
  #change(messageId, change) {
    const message = this.#byId.get(messageId);
    if (message) this.#byId.set(messageId, { ...message, ...change });
    else this.#early.set(messageId, { ...this.#early.get(messageId), ...change });
    this.#inOrder = null;
  }
}

/** @param {Message} message */
const changedAt = (message) => message.deleted_at ?? message.edited_at ?? "";
