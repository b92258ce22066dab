/**
 * What this browser has kept for one person. It is opened once it is known who that is, and what one has written is
 * never sent as another.
 */

import { Database, DatabaseShelf, databaseName } from "./database.js";
import { Fault } from "./requests.js";

/**
 * @typedef {Object} Kept
 * @property {string} url
 * @property {import("./database.js").Shelf | null} [storage]
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

/**
 * Whose turn it is among the tabs of one person, and what they tell each other.
 *
 * Turns save work and no more: what a tab sends is the oldest of what waits, under a key that makes sending it twice
 * harmless, so two tabs that both send (where there are no Web Locks: on plain http) cannot change the order either.
 */
export class Turns {
  /** @type {BroadcastChannel | null} */
  #channel = null;
  #name;

  /** @param {string} name  the same in all tabs that share  @param {() => void} heard  another tab has changed something */
  constructor(name, heard) {
    this.#name = name;
    if (typeof window === "undefined" || !globalThis.BroadcastChannel) return;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = heard;
  }

  tell() {
    this.#channel?.postMessage("changed");
  }

  /** @param {string} what @param {() => Promise<void>} work  @returns {Promise<void>} when it is done */
  async take(what, work) {
    const locks = this.#channel ? globalThis.navigator?.locks : undefined;
    if (locks) await locks.request(`${this.#name} ${what}`, work);
    else await work();
  }

  close() {
    this.#channel?.close();
    this.#channel = null;
  }
}
