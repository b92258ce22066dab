/**
 * Where messages wait until the server has them, in the order they were written: in memory, or in IndexedDB, where the
 * tabs of one person share them and a reload leaves them.
 */

import { answer } from "./database.js";

/** @typedef {import("./outbox.js").Entry} Entry */

/**
 * @typedef {Object} Shelf  a program of one's own may bring another one, such as a file
 * @property {() => Promise<Entry[]>} all  in the order they were written
 * @property {(conversationId: number) => Promise<Entry | undefined>} next  the first that has not failed
 * @property {(entry: Entry) => Promise<void>} put  a new one behind all others, a known one in its place
 * @property {(key: string) => Promise<void>} delete
 * @property {() => Promise<void>} clear
 */

/** @implements {Shelf} */
export class MemoryShelf {
  /** @type {Map<string, Entry>} */
  #entries = new Map();

  /** @param {Entry[]} [entries] */
  constructor(entries = []) {
    for (const entry of entries) this.#entries.set(entry.key, entry);
  }

  async all() {
    return [...this.#entries.values()];
  }

  /** @param {number} conversationId */
  async next(conversationId) {
    return (await this.all()).find((entry) => entry.conversation_id === conversationId && entry.state !== "failed");
  }

  /** @param {Entry} entry */
  async put(entry) {
    this.#entries.set(entry.key, entry);
  }

  /** @param {string} key */
  async delete(key) {
    this.#entries.delete(key);
  }

  async clear() {
    this.#entries.clear();
  }
}

/** @typedef {Entry & {place: number}} Placed */

/** @implements {Shelf} */
export class DatabaseShelf {
  #database;

  /** @param {import("./database.js").Database} database */
  constructor(database) {
    this.#database = database;
  }

  all() {
    return this.#run("readonly", async (outbox) => (await answer(outbox.getAll())).map(entryOf));
  }

  /** @param {number} conversationId */
  next(conversationId) {
    return this.#run("readonly", async (outbox) => {
      const waiting = outbox.index("conversation_id").openCursor(ofConversation(conversationId));
      for (let cursor = await answer(waiting); cursor; cursor = await answer(waiting)) {
        if (cursor.value.state !== "failed") return entryOf(cursor.value);
        cursor.continue();
      }
      return undefined;
    });
  }

  /** @param {Entry} entry */
  put(entry) {
    return this.#run("readwrite", async (outbox) => {
      const place = await answer(outbox.index("key").getKey(entry.key));
      await answer(outbox.put(place === undefined ? { ...entry } : { ...entry, place }));
    });
  }

  /** @param {string} key */
  delete(key) {
    return this.#run("readwrite", async (outbox) => {
      const place = await answer(outbox.index("key").getKey(key));
      if (place !== undefined) await answer(outbox.delete(place));
    });
  }

  clear() {
    return this.#run("readwrite", async (outbox) => void (await answer(outbox.clear())));
  }

  /** @template T @param {IDBTransactionMode} mode @param {(outbox: IDBObjectStore) => Promise<T>} work */
  #run(mode, work) {
    return this.#database.run(["outbox"], mode, (transaction) => work(transaction.objectStore("outbox")));
  }
}

/** Every place in it: an array sorts behind all numbers. @param {number} id */
const ofConversation = (id) => IDBKeyRange.bound([id], [id, []]);

/** @param {Placed} placed @returns {Entry} */
const entryOf = ({ place: _place, ...entry }) => entry;
