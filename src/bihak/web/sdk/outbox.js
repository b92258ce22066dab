/**
 * Messages that the server does not have yet, in the order they were written.
 *
 * Each carries an idempotency key for life, so that sending it again after a lost reply cannot store it twice. In a
 * conversation only the oldest one is ever on its way, whichever tab sends it, and the next one follows when it is stored
 * or refused for good: were two on their way and the first refused for the moment, they would change places.
 */

import { MemoryShelf } from "./database.js";
import { Backoff } from "./link.js";
import { Receipts } from "./receipts.js";
import { Fault } from "./requests.js";

/** @typedef {import("./wire.js").MessageSent} MessageSent */
/** @typedef {import("./database.js").Shelf} Shelf */
/** @typedef {Pick<import("./keep.js").Turns, "take" | "tell" | "close">} Tabs */

/**
 * @typedef {Object} Entry
 * @property {string} key
 * @property {number} conversation_id
 * @property {string} content
 * @property {number | null} reply_to_id
 * @property {string} created_at
 * @property {"sending" | "sent" | "read" | "failed" | "discarded"} state  `sending` until the server has it, however
 *   long that takes; `failed` when it will not have it: `retry` or `discard`
 * @property {MessageSent} [sent]  absent where another tab has sent it
 * @property {string} [reason]  why it failed, for people
 * @property {string} [code]  why it failed, for programs
 */

/** @type {Tabs} */
const ALONE = { take: (_what, work) => work(), tell() {}, close() {} };

export class Outbox {
  /** @type {Map<string, Entry>} */
  #entries = new Map();
  /** Conversations that are being sent; true when there may be more by now. @type {Map<number, boolean>} */
  #draining = new Map();
  /** @type {Map<number, ReturnType<typeof setTimeout>>} */
  #pauses = new Map();
  /** What is on its way, and may be told to be stored by its event. @type {Map<string, (sent: MessageSent) => void>} */
  #underway = new Map();
  /** What is just leaving the shelf, by key. @type {Map<string, Promise<void>>} */
  #leaving = new Map();
  /** @type {Shelf} */
  #shelf = new MemoryShelf();
  #tabs = ALONE;
  #receipts = new Receipts();
  #open = false;
  #post;
  #changed;
  #backoff;

  /**
   * @param {Object} options
   * @param {(entry: Entry) => Promise<MessageSent>} options.post  sends it; rejects with a Fault
   * @param {(entry: Entry) => void} options.changed  called whenever an entry's state changes
   * @param {() => number} [options.random]
   */
  constructor({ post, changed, random }) {
    this.#post = post;
    this.#changed = changed;
    this.#backoff = new Backoff({ baseMs: 1_000, random });
  }

  /**
   * From now on messages are kept there; what it holds already is sent before what is written from now on.
   * @param {Shelf} shelf @param {Tabs} [tabs]
   */
  async adopt(shelf, tabs = ALONE) {
    this.#shelf = shelf;
    this.#tabs.close();
    this.#tabs = tabs;
    await Promise.all(this.entries().map((entry) => this.#keep(entry)));
    await this.refresh();
  }

  /** Looks at what other tabs have added, sent or given up. */
  async refresh() {
    const before = [...this.#entries.keys()];
    const all = await this.#shelf.all().catch(() => null);
    if (!all) return;
    const kept = all.filter(({ key }) => !this.#leaving.has(key));
    const known = this.#entries;
    const keys = new Set(kept.map((entry) => entry.key));
    const added = [...known.values()].filter((entry) => !keys.has(entry.key) && !before.includes(entry.key));
    this.#entries = new Map([...kept, ...added].map((entry) => [entry.key, known.get(entry.key) ?? entry]));
    for (const entry of kept) this.#compare(known.get(entry.key), entry);
    for (const key of before) {
      const gone = known.get(key);
      if (gone && !keys.has(key)) this.#changed(Object.assign(gone, { state: "sent" }));
    }
    this.#flushAll();
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
      state: "sending",
    };
    this.#entries.set(entry.key, entry);
    this.#changed(entry);
    void this.#keep(entry).then(() => this.#flush(conversationId));
    return entry;
  }

  /** @param {string} key  sends a failed one again, after whatever was written since */
  async retry(key) {
    const entry = this.#entries.get(key);
    if (entry?.state !== "failed") return;
    this.#entries.delete(key);
    this.#entries.set(key, Object.assign(entry, { state: "sending", reason: undefined, code: undefined }));
    this.#changed(entry);
    void this.#shelf.delete(key).catch(() => {});
    await this.#keep(entry);
    this.#flush(entry.conversation_id);
  }

  /** @param {string} key  gives a failed one up */
  discard(key) {
    const entry = this.#entries.get(key);
    if (entry?.state !== "failed") return;
    this.#entries.delete(key);
    this.#changed(Object.assign(entry, { state: "discarded" }));
    void this.#drop(key);
  }

  connected() {
    this.#open = true;
    void this.refresh();
  }

  disconnected() {
    this.#open = false;
    for (const timer of this.#pauses.values()) clearTimeout(timer);
    this.#pauses.clear();
  }

  /** Forgets everything that is not sent. */
  async clear() {
    this.#entries.clear();
    await this.#shelf.clear().catch(() => {});
    this.#tabs.tell();
  }

  close() {
    this.#tabs.close();
  }

  /**
   * The server has stored it; told by its reply, or by the message's own event where the reply was lost.
   * @param {string} key @param {MessageSent} sent
   */
  async stored(key, sent) {
    this.#underway.get(key)?.(sent);
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#changed(Object.assign(entry, { state: "sent", sent }));
    this.#receipts.sent(entry);
    await this.#drop(key);
  }

  /** @param {import("./wire.js").Message} message  of whomever: somebody may be told to have read up to it */
  noticed(message) {
    this.#receipts.noticed(message);
  }

  /** @param {{conversation_id: number, message_id: number}} cursor  of somebody else */
  read(cursor) {
    for (const entry of this.#receipts.read(cursor)) this.#changed(Object.assign(entry, { state: "read" }));
  }

  #flushAll() {
    for (const id of new Set(this.entries().map((entry) => entry.conversation_id))) this.#flush(id);
  }

  /** @param {number} id */
  #flush(id) {
    if (!this.#open || this.#pauses.has(id)) return;
    if (this.#draining.has(id)) this.#draining.set(id, true);
    else void this.#drain(id);
  }

  /** @param {number} id */
  async #drain(id) {
    this.#draining.set(id, false);
    await this.#tabs.take(String(id), async () => {
      while (this.#open && !this.#pauses.has(id)) {
        const next = await this.#shelf.next(id).catch(() => undefined);
        if (!next) return;
        await (this.#leaving.get(next.key) ?? this.#send(next));
      }
    });
    const more = this.#draining.get(id);
    this.#draining.delete(id);
    if (more) this.#flush(id);
  }

  /** @param {Entry} kept  as it lies on the shelf */
  async #send(kept) {
    const entry = this.#entries.get(kept.key) ?? kept;
    this.#entries.set(entry.key, entry);
    try {
      /** @type {Promise<MessageSent>} */
      const event = new Promise((resolve) => this.#underway.set(entry.key, resolve));
      const sent = await Promise.race([event, this.#post(entry)]);
      this.#backoff.reset();
      await this.stored(entry.key, sent);
    } catch (fault) {
      if (this.#entries.has(entry.key)) await this.#refused(entry, fault);
    } finally {
      this.#underway.delete(entry.key);
    }
  }

  /** @param {Entry} entry @param {unknown} fault */
  async #refused(entry, fault) {
    if (fault instanceof Fault && fault.retryable) {
      this.#pause(entry.conversation_id, fault.retryAfterMs ?? this.#backoff.nextMs());
      return;
    }
    const reason = fault instanceof Error ? fault.message : String(fault);
    const code = fault instanceof Fault ? fault.code : "internal";
    this.#changed(Object.assign(entry, { state: "failed", reason, code }));
    await this.#keep(entry);
  }

  /** @param {number} id @param {number} delayMs */
  #pause(id, delayMs) {
    if (!this.#open) return;
    const resume = () => {
      this.#pauses.delete(id);
      this.#flush(id);
    };
    this.#pauses.set(id, setTimeout(resume, delayMs));
  }

  /** @param {Entry | undefined} known @param {Entry} kept  as another tab may have left it */
  #compare(known, kept) {
    if (known?.state === kept.state) return;
    if (known) Object.assign(known, { state: kept.state, reason: kept.reason, code: kept.code });
    this.#changed(known ?? kept);
  }

  /** @param {Entry} entry */
  async #keep(entry) {
    await this.#shelf.put(entry).catch(() => this.#doWithout());
    this.#tabs.tell();
  }

  /** @param {string} key */
  async #drop(key) {
    const leaving = this.#shelf.delete(key).catch(() => this.#doWithout());
    this.#leaving.set(key, leaving);
    await leaving;
    this.#leaving.delete(key);
    this.#tabs.tell();
  }

  /** A full or forbidden storage costs the reload's safety net, not the message. */
  #doWithout() {
    this.#shelf = new MemoryShelf(this.entries());
  }
}

/** `randomUUID` exists only in secure contexts, and a server on a plain-http intranet is not one. */
function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
