/** Who there is, who is online, and who is typing where. */

/** @typedef {import("../sdk/wire.js").Participant} Participant */
/** @typedef {import("../sdk/wire.js").Status} Status */
/** @typedef {import("../sdk/wire.js").StatusChange} StatusChange */
/** @typedef {import("../sdk/wire.js").UserTyping} UserTyping */

const TYPING_ENDS_AFTER_MS = 10_000;

export class People {
  /** @type {Map<string, Participant>} */
  #known = new Map();
  /** @type {Map<number, Map<string, ReturnType<typeof setTimeout>>>} */
  #typing = new Map();
  #changed;

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
  }

  /** @param {Participant} participant */
  meet(participant) {
    this.#known.set(participant.user_id, { ...this.#known.get(participant.user_id), ...participant });
  }

  /** @returns {Participant[]} by name */
  get all() {
    return [...this.#known.values()].sort((a, b) => a.name.localeCompare(b.name));
  }

  /** @param {string} userId */
  find(userId) {
    return this.#known.get(userId);
  }

  /** @param {string} userId @returns {string} */
  nameOf(userId) {
    return this.#known.get(userId)?.name || userId;
  }

  /** @param {string} userId @returns {Status} */
  statusOf(userId) {
    return this.#known.get(userId)?.status ?? "offline";
  }

  /** @param {StatusChange} change */
  statusChanged({ user_id, status, last_seen_at }) {
    const person = this.#known.get(user_id);
    if (person) this.#known.set(user_id, { ...person, status, last_seen_at: last_seen_at ?? person.last_seen_at });
  }

  /** @param {UserTyping} change */
  typed({ conversation_id, user_id, is_typing }) {
    this.#stopped(conversation_id, user_id);
    if (!is_typing) return;
    const here = this.#typing.get(conversation_id) ?? new Map();
    const expire = () => {
      this.#stopped(conversation_id, user_id);
      this.#changed();
    };
    here.set(user_id, setTimeout(expire, TYPING_ENDS_AFTER_MS));
    this.#typing.set(conversation_id, here);
  }

  /** @param {number} conversationId @returns {string[]} names */
  typingIn(conversationId) {
    return [...(this.#typing.get(conversationId)?.keys() ?? [])].map((userId) => this.nameOf(userId));
  }

  /** What they do now is unknown until the connection is back. */
  disconnected() {
    for (const [conversationId, here] of this.#typing) {
      for (const userId of [...here.keys()]) this.#stopped(conversationId, userId);
    }
  }

  /** @param {number} conversationId @param {string} userId */
  #stopped(conversationId, userId) {
    const here = this.#typing.get(conversationId);
    clearTimeout(here?.get(userId));
    here?.delete(userId);
  }
}
