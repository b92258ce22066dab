/**
 * What this person last saw, kept in the browser, so that a page starts without network. It is `bihak.cache`.
 *
 *     const { me, conversations } = await bihak.cache.load();      // before connect(); empty for a first visit
 *     const messages = await bihak.cache.messages(conversationId); // the newest known, oldest first, without holes
 *
 * The library fills it by itself, from replies (`conversations`, `history`) and events; there is nothing to write to.
 * What `load` and `messages` gave, plus every `event` since, is the truth, just as over a reconnect: the connection
 * resumes from what is cached. Where it cannot, `resync` names the conversation, which is to be fetched anew.
 * `bihak.signOut()` empties it, and so does a session that the platform has revoked. Each person on each server has a
 * cache of their own. Without IndexedDB (Node, `storage: null`) it is always empty.
 */

import { Pages } from "./pages.js";

/** @typedef {import("./wire.js").Frame} Frame */
/** @typedef {import("./wire.js").Conversation} Conversation */
/** @typedef {import("./wire.js").Message} Message */
/** @typedef {import("./database.js").Database} Database */
/** @typedef {{user_id: string, participant_type: string, participant_id: number, name: string}} Me */
/** @typedef {{me: Me | null, conversations: Conversation[]}} Start */
/** @typedef {{conversation_id: number, last_seq: number}} Head */

const STORES = ["people", "conversations", "messages"];
const GATHER_MS = 100;
/** What is older is shown, and then fetched anew: a replay of days would be longer than what it replaces. */
const RESUMED_FOR_MS = 24 * 3_600_000;

export class Cache {
  /** @type {Promise<Database | null>} */
  #database = Promise.resolve(null);
  /** @type {((pages: Pages) => Promise<void>)[]} */
  #changes = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #written = Promise.resolve();
  #userId = "";
  #nowMs;

  /** @param {() => number} [nowMs] */
  constructor(nowMs = Date.now) {
    this.#nowMs = nowMs;
  }

  /** @returns {Promise<Start>} */
  async load() {
    const empty = { me: null, conversations: [] };
    return this.#read(empty, async (pages) => {
      const { saved_ms: _saved, ...me } = (await pages.person(this.#userId)) ?? {};
      const records = await pages.conversations();
      return { me: "user_id" in me ? /** @type {Me} */ (me) : null, conversations: records.map((r) => r.conversation) };
    });
  }

  /** @param {number} conversationId @returns {Promise<Message[]>} */
  messages(conversationId) {
    return this.#read([], (pages) => pages.newest(conversationId));
  }

  /** @param {string} userId  whose it is @param {Promise<Database | null>} database */
  adopt(userId, database) {
    this.#userId = userId;
    this.#database = database;
  }

  /** @returns {Promise<Head[]>} from where to resume */
  heads() {
    return this.#read([], async (pages) => {
      const savedMs = (await pages.person(this.#userId))?.saved_ms ?? 0;
      if (this.#nowMs() - savedMs > RESUMED_FOR_MS) return [];
      return (await pages.conversations()).map(({ conversation_id, seq }) => ({ conversation_id, last_seq: seq }));
    });
  }

  /**
   * Signed in.
   * @param {Me} me @param {number[]} conversationIds  all there are @param {boolean} resumed  from `heads`
   * @returns {Promise<number[]>} the conversations whose messages were cached and are no longer
   */
  async began({ user_id, participant_type, participant_id, name }, conversationIds, resumed) {
    const me = { user_id, participant_type, participant_id, name };
    /** @type {number[]} */
    let forgotten = [];
    this.#change(async (pages) => {
      await pages.keepPerson({ ...me, saved_ms: this.#nowMs() });
      for (const { conversation_id: id } of await pages.conversations()) {
        if (!conversationIds.includes(id)) await pages.forget(id);
        else if (!resumed) {
          await pages.forget(id);
          forgotten.push(id);
        }
      }
    });
    await this.flush();
    return forgotten;
  }

  /** @param {Frame} event  in order */
  happened(event) {
    this.#change((pages) => pages.fold(event, this.#userId));
  }

  /** @param {Conversation[]} conversations  as the server has just told */
  told(conversations) {
    this.#change((pages) => pages.keep(conversations));
  }

  /** @param {number} conversationId @param {{messages: Message[], has_more: boolean}} page @param {number} [before] */
  read(conversationId, page, before) {
    this.#change((pages) => pages.add(conversationId, page.messages, before));
  }

  /** Its messages have holes, or may have. @param {Head} head */
  resync({ conversation_id, last_seq }) {
    this.#change((pages) => pages.restart(conversation_id, last_seq));
  }

  /** Writes what has gathered; done once that is written, and what was being written already. */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#written = this.#written.then(() => this.#save());
    return this.#written;
  }

  async #save() {
    const changes = this.#changes.splice(0);
    const database = await this.#database;
    if (changes.length === 0 || !database) return;
    try {
      await database.run(STORES, "readwrite", async (transaction) => {
        const pages = new Pages(transaction);
        for (const change of changes) await change(pages);
      });
    } catch {
      // One that has missed something is worth nothing: better none.
      await this.clear();
      this.#database = Promise.resolve(null);
    }
  }

  async clear() {
    this.#changes.length = 0;
    await this.#write(async (pages) => pages.clear()).catch(() => {});
  }

  /** @param {(pages: Pages) => Promise<void>} change */
  #change(change) {
    this.#changes.push(change);
    this.#timer ??= setTimeout(() => void this.flush(), GATHER_MS);
  }

  /** @template T @param {T} otherwise @param {(pages: Pages) => Promise<T>} work @returns {Promise<T>} */
  async #read(otherwise, work) {
    const database = await this.#database;
    if (!database) return otherwise;
    return database.run(STORES, "readonly", (transaction) => work(new Pages(transaction))).catch(() => otherwise);
  }

  /** @param {(pages: Pages) => Promise<void>} work */
  async #write(work) {
    const database = await this.#database;
    await database?.run(STORES, "readwrite", (transaction) => work(new Pages(transaction)));
  }
}
