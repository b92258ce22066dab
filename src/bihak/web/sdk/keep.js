/**
 * What this browser has kept for one person. It is opened once it is known who that is, and what one has written is
 * never sent as another.
 */

import { Database, databaseName } from "./database.js";
import { Fault } from "./fault.js";
import { DatabaseShelf } from "./shelf.js";
import { Turns } from "./turns.js";

/**
 * @typedef {Object} Kept
 * @property {string} url
 * @property {import("./shelf.js").Shelf | null} [storage]
 * @property {import("./feed.js").Feed} feed
 * @property {import("./outbox.js").Outbox} outbox
 * @property {import("./cache.js").Cache} cache
 */

export class Keep {
  #kept;
  #opened = Promise.resolve();
  /** @type {Promise<Database | null>} */
  #database = Promise.resolve(null);

  /** @param {Kept} kept */
  constructor(kept) {
    this.#kept = kept;
  }

  /** Resolves when it is open. Rejects with a Fault where it is somebody else's. @param {string | null} userId */
  async belongTo(userId) {
    const { userId: owner } = this.#kept.feed;
    if (userId && owner && userId !== owner) throw Fault.anotherPerson();
    if (userId && !owner) this.#opened = this.#open(userId);
    await this.#opened;
  }

  async forget() {
    const { url, feed, outbox, cache } = this.#kept;
    await Promise.all([outbox.clear(), cache.clear()]);
    const database = await this.#database;
    database?.close();
    if (database && feed.userId) Database.forget(databaseName(url, feed.userId));
  }

  /** @param {string} owner */
  async #open(owner) {
    const { url, storage, feed, outbox, cache } = this.#kept;
    feed.userId = owner;
    if (storage) await outbox.adopt(storage);
    if (storage !== undefined) return;
    const name = databaseName(url, owner);
    this.#database = Database.open(name);
    cache.adopt(owner, this.#database);
    const database = await this.#database;
    if (!database) return;
    await outbox.adopt(new DatabaseShelf(database), new Turns(name, () => void outbox.refresh()));
    feed.begin(await cache.heads());
  }
}
