/** One person's IndexedDB database: what is not sent yet, and what was last seen. */

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
