/**
 * One person's IndexedDB database: what is not sent yet, and what was last seen.
 *
 * The shelf is where messages wait until the server has them, in the order they were written. There the tabs of one
 * person share it and a reload leaves it; without IndexedDB it is in memory.
 */

/** @typedef {import("./outbox.js").Entry} Entry */
/** @typedef {Entry & {place: number}} Placed */

/**
 * @typedef {Object} Shelf  a program of one's own may bring another one, such as a file
 * @property {() => Promise<Entry[]>} all  in the order they were written
 * @property {(conversationId: number) => Promise<Entry | undefined>} next  the first that has not failed
 * @property {(entry: Entry) => Promise<void>} put  a new one behind all others, a known one in its place
 * @property {(key: string) => Promise<void>} delete
 * @property {() => Promise<void>} clear
 */

const VERSION = 1;

/** @param {IDBDatabase} db */
function build(db) {
  // `place` counts up over all tabs: the order in which messages were written.
  const outbox = db.createObjectStore("outbox", { keyPath: "place", autoIncrement: true });
  outbox.createIndex("key", "key", { unique: true });
  outbox.createIndex("conversation_id", ["conversation_id", "place"]);
  db.createObjectStore("people", { keyPath: "user_id" });
  db.createObjectStore("conversations", { keyPath: "conversation_id" });
  db.createObjectStore("messages", { keyPath: ["conversation_id", "seq"] }).createIndex("message_id", "message_id");
}

export class Database {
  #db;

  /** @param {IDBDatabase} db */
  constructor(db) {
    this.#db = db;
    // Another tab wants to delete it, or brings a newer version of it.
    db.onversionchange = () => db.close();
  }

  /**
   * @param {string} name
   * @returns {Promise<Database | null>} null where there is no IndexedDB, or it is forbidden
   */
  static async open(name) {
    if (!globalThis.indexedDB) return null;
    try {
      const opening = indexedDB.open(name, VERSION);
      opening.onupgradeneeded = () => build(opening.result);
      return new Database(await answer(opening));
    } catch {
      return null;
    }
  }

  /** Best effort, and as soon as no tab uses it any more. @param {string} name */
  static forget(name) {
    globalThis.indexedDB?.deleteDatabase(name);
  }

  close() {
    this.#db.close();
  }

  /**
   * Runs `work` as one transaction: all of it is on disk when this resolves, or nothing of it.
   * @template T
   * @param {string[]} stores @param {IDBTransactionMode} mode
   * @param {(transaction: IDBTransaction) => Promise<T>} work  may await nothing but its own requests
   * @returns {Promise<T>}
   */
  async run(stores, mode, work) {
    const transaction = this.#db.transaction(stores, mode);
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error ?? new Error("aborted"));
    });
    done.catch(() => {}); // told by `work` already, should that fail first
    const result = await work(transaction);
    await done;
    return result;
  }
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
export function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** One for each person on each server. @param {string} url @param {string} userId */
export function databaseName(url, userId) {
  const { host, pathname } = new URL(url);
  return `bihak ${host}${pathname} ${userId}`;
}

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

/** @implements {Shelf} */
export class DatabaseShelf {
  #database;

  /** @param {Database} database */
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
