/**
 * A stretch of one conversation without holes: the messages that are loaded, in the order of their `seq`.
 *
 * It may end before the newest message, when the reader is far up. What happens while a page is on its way is kept until
 * the page is there: it may have been read from the database before, and would undo it.
 */

/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {(message: Message) => Message} Change */
/** @typedef {{messages: Message[], changes: Map<number, Change[]>}} Meanwhile */
/** @typedef {"older" | "newer"} Side */

/** Past these, what is farthest from the reader is forgotten. */
const MOST = 800;
/** Not at every page, nor at every message that comes. */
const SLACK = 200;

export class Timeline {
  /** @type {Map<number, Message>} */
  #byId = new Map();
  /** @type {Message[] | null} */
  #inOrder = null;
  /** Messages from elsewhere in the conversation that are quoted here. @type {Map<number, Message>} */
  #quoted = new Map();
  /** What has happened to those that are on their way. @type {Map<number, Change[]>} */
  #changesOfQuoted = new Map();
  /** @type {Meanwhile | null} */
  #meanwhile = null;
  loaded = false;
  hasOlder = true;
  hasNewer = false;

  /** @returns {readonly Message[]} oldest first */
  get messages() {
    this.#inOrder ??= [...this.#byId.values()].sort((a, b) => a.seq - b.seq);
    return this.#inOrder;
  }

  get loading() {
    return this.#meanwhile !== null;
  }

  /** @param {number} messageId */
  find(messageId) {
    return this.#byId.get(messageId);
  }

  /** @param {number} messageId @returns {Message | undefined} also one that is only quoted here */
  recall(messageId) {
    return this.#byId.get(messageId) ?? this.#quoted.get(messageId);
  }

  /** A message that is quoted is asked for. @param {number} messageId */
  beginQuote(messageId) {
    this.#changesOfQuoted.set(messageId, []);
  }

  /** @param {number} messageId @param {Message | undefined} message  undefined: it is not to be had */
  endQuote(messageId, message) {
    const since = this.#changesOfQuoted.get(messageId) ?? [];
    this.#changesOfQuoted.delete(messageId);
    if (message) this.#quoted.set(messageId, changed(message, since));
  }

  /**
   * Its seq, or that of the last message here that is not later. Ids grow with time, but for what two nodes store in the
   * same moment; so this is exact for a message that is loaded, and good enough for a tick below one that is not.
   * @param {number} messageId
   */
  seqOf(messageId) {
    const known = this.#byId.get(messageId);
    return known?.seq ?? this.messages.findLast(({ message_id }) => message_id <= messageId)?.seq ?? 0;
  }

  /** A message was said. It is kept where it joins what is here. @param {Message} message */
  arrive(message) {
    this.#meanwhile?.messages.push(message);
    if (this.#byId.has(message.message_id) || (this.loaded && !this.hasNewer)) this.#put(message);
  }

  /** @param {number} messageId @param {Change} change */
  change(messageId, change) {
    const { changes } = this.#meanwhile ?? {};
    changes?.set(messageId, [...(changes.get(messageId) ?? []), change]);
    this.#changesOfQuoted.get(messageId)?.push(change);
    for (const known of [this.#byId, this.#quoted]) {
      const message = known.get(messageId);
      if (message) known.set(messageId, change(message));
    }
    this.#inOrder = null;
  }

  /** A page is asked for. @returns {Meanwhile} what `join` and `replace` take; the page that was asked for last counts */
  begin() {
    this.#meanwhile = { messages: [], changes: new Map() };
    return this.#meanwhile;
  }

  /** There will be no such page. @param {Meanwhile} asked */
  giveUp(asked) {
    if (this.#meanwhile === asked) this.#meanwhile = null;
  }

  /**
   * Adds the page next to what is here.
   * @param {Meanwhile} asked @param {Side} side @param {Message[]} messages @param {boolean} hasMore
   */
  join(asked, side, messages, hasMore) {
    if (this.#meanwhile !== asked) return;
    if (side === "older") this.hasOlder = hasMore;
    else this.hasNewer = hasMore;
    this.#settle(asked, messages);
    this.trim(side === "older" ? "newer" : "older");
  }

  /** @param {Meanwhile} asked @param {Message[]} messages @param {{hasOlder: boolean, hasNewer: boolean}} ends */
  replace(asked, messages, { hasOlder, hasNewer }) {
    if (this.#meanwhile !== asked) return;
    this.#byId.clear();
    this.loaded = true;
    this.hasOlder = hasOlder;
    this.hasNewer = hasNewer;
    this.#settle(asked, messages);
  }

  /** Forgets what is far away. @param {Side} side */
  trim(side) {
    const { length } = this.messages;
    if (length <= MOST + SLACK) return;
    const gone = side === "older" ? this.messages.slice(0, length - MOST) : this.messages.slice(MOST);
    for (const { message_id } of gone) this.#byId.delete(message_id);
    this.#inOrder = null;
    if (side === "older") this.hasOlder = true;
    else this.hasNewer = true;
  }

  /** Forgets everything: what is loaded next need not join what was loaded before. */
  clear() {
    this.#byId.clear();
    this.#quoted.clear();
    this.#changesOfQuoted.clear();
    this.#meanwhile = null;
    this.#inOrder = null;
    this.loaded = false;
    this.hasOlder = true;
    this.hasNewer = false;
  }

  /** @param {Meanwhile} asked @param {Message[]} page */
  #settle({ messages, changes }, page) {
    this.#meanwhile = null;
    const now = (/** @type {Message} */ message) => changed(message, changes.get(message.message_id) ?? []);
    for (const message of page) this.#byId.set(message.message_id, now(message));
    this.#inOrder = null;
    if (!this.hasNewer) for (const message of messages) if (!this.#byId.has(message.message_id)) this.#put(now(message));
  }

  /** It is told as it was when it was said: what is here may have changed since. @param {Message} message */
  #put(message) {
    this.#byId.set(message.message_id, { ...message, ...this.#byId.get(message.message_id) });
    this.#inOrder = null;
  }
}

/** @param {Message} message @param {Change[]} changes */
const changed = (message, changes) => changes.reduce((before, change) => change(before), message);
