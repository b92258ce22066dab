/** Where somebody was reading in each conversation, for the life of the tab. */

/** @typedef {{messageId: number, top: number}} Place  `top`: pixels from the top of the log to that message */

export const PLACES = "bihak.places.";

export class Places {
  #owner;

  /** @param {() => string} owner  a user_id */
  constructor(owner) {
    this.#owner = owner;
  }

  /** @param {number} conversationId @returns {Place | undefined} */
  find(conversationId) {
    return this.#all[conversationId];
  }

  /** @param {number} conversationId @param {Place | undefined} place  undefined: at the end, as whoever comes anew */
  keep(conversationId, place) {
    try {
      sessionStorage.setItem(PLACES + this.#owner(), JSON.stringify({ ...this.#all, [conversationId]: place }));
    } catch {
      // Without storage one begins at the end.
    }
  }

  /** @returns {Record<number, Place>} */
  get #all() {
    try {
      return JSON.parse(sessionStorage.getItem(PLACES + this.#owner()) ?? "{}");
    } catch {
      return {};
    }
  }
}
