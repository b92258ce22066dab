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
