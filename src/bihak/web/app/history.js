/** Fetches the stretch of a conversation that its reader looks at. */

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/sdk.js").Fault} Fault */
/** @typedef {import("../sdk/wire.js").Conversation} Conversation */
/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("./timeline.js").Timeline} Timeline */
/** @typedef {import("./timeline.js").Side} Side */
/** @typedef {{messages: Message[], has_more: boolean}} Page */
/** @typedef {{messages: Message[], hasOlder: boolean, hasNewer: boolean}} Stretch */

const PAGE = 50;

export class History {
  #bihak;
  #timelineOf;
  #changed;
  /** Quoted messages that were asked for, found or not. @type {Set<number>} */
  #asked = new Set();
  /** Conversations that were looked at. @type {Set<number>} */
  #entered = new Set();

  /** @param {Bihak} bihak @param {(id: number) => Timeline} timelineOf @param {() => void} changed */
  constructor(bihak, timelineOf, changed) {
    this.#bihak = bihak;
    this.#timelineOf = timelineOf;
    this.#changed = changed;
  }

  /** The first look: at the end, or where the unread begin if they are many. @param {Conversation} conversation */
  async open({ conversation_id: id, unread, last_read_message_id: lastRead }) {
    const timeline = this.#timelineOf(id);
    if (timeline.loaded || timeline.loading) return;
    if (unread >= PAGE && lastRead) await this.around(id, lastRead);
    else await this.latest(id);
  }

  /** A look begins; at another one what is loaded may be far from where it is to begin. @param {Conversation} conversation */
  enter(conversation) {
    const { conversation_id: id } = conversation;
    const isFirst = !this.#entered.has(id);
    this.#entered.add(id);
    const timeline = this.#timelineOf(id);
    if (isFirst || !timeline.hasNewer) return;
    timeline.clear();
    void this.open(conversation);
  }

  /** @param {number} id @returns {Promise<boolean>} whether the end is here now */
  latest(id) {
    return this.#replace(id, async () => {
      const { messages, has_more } = await this.#page(id, {});
      return { messages, hasOlder: has_more, hasNewer: false };
    });
  }

  /** @param {number} id @param {number} messageId @returns {Promise<boolean>} whether it is here now */
  async around(id, messageId) {
    const found = await this.#replace(id, async () => {
      const after = await this.#page(id, { after: messageId });
      // A page excludes the message it is asked by: up to the one after it, or to the end, is with it.
      const [next] = after.messages;
      const until = await this.#page(id, next ? { before: next.message_id } : {});
      return {
        messages: [...until.messages, ...after.messages],
        hasOlder: until.has_more,
        hasNewer: next ? after.has_more : false,
      };
    });
    return found && this.#timelineOf(id).find(messageId) !== undefined;
  }

  /** The next page in that direction, if there is one. @param {number} id @param {Side} side */
  async more(id, side) {
    const timeline = this.#timelineOf(id);
    const edge = timeline.messages.at(side === "older" ? 0 : -1);
    const hasMore = side === "older" ? timeline.hasOlder : timeline.hasNewer;
    if (!timeline.loaded || timeline.loading || !hasMore || !edge) return;
    const asked = timeline.begin();
    this.#changed();
    try {
      const page = await this.#page(id, { [side === "older" ? "before" : "after"]: edge.message_id });
      timeline.join(asked, side, page.messages, page.has_more);
    } catch {
      // Asked for again with the next scroll, or when the connection is back.
      timeline.giveUp(asked);
    }
    this.#changed();
  }

  /**
   * A message that is quoted, wherever it is. Where it is not known yet, it is fetched, and there is a change later.
   * @param {number} id @param {number} messageId @returns {Message | undefined}
   */
  recall(id, messageId) {
    const known = this.#timelineOf(id).recall(messageId);
    if (!known && !this.#asked.has(messageId)) void this.#fetchQuoted(id, messageId);
    return known;
  }

  /** @param {number} id @param {number} messageId */
  async #fetchQuoted(id, messageId) {
    this.#asked.add(messageId);
    this.#timelineOf(id).beginQuote(messageId);
    try {
      const { messages } = await this.#page(id, { after: messageId, limit: 1 });
      const [next] = messages;
      const { messages: found } = await this.#page(id, { ...(next && { before: next.message_id }), limit: 1 });
      this.#timelineOf(id).endQuote(messageId, found[0]?.message_id === messageId ? found[0] : undefined);
      this.#changed();
    } catch (fault) {
      this.#timelineOf(id).endQuote(messageId, undefined);
      // One that one may not see is not asked for again; a lost connection is another matter.
      if (/** @type {Fault} */ (fault).retryable) this.#asked.delete(messageId);
    }
  }

  /** @param {number} id @param {() => Promise<Stretch>} fetch */
  async #replace(id, fetch) {
    const timeline = this.#timelineOf(id);
    const asked = timeline.begin();
    this.#changed();
    try {
      const { messages, ...ends } = await fetch();
      timeline.replace(asked, messages, ends);
      return true;
    } catch {
      timeline.giveUp(asked);
      return false;
    } finally {
      this.#changed();
    }
  }

  /**
   * @param {number} conversation_id @param {{before?: number, after?: number, limit?: number}} range
   * @returns {Promise<Page>}
   */
  #page(conversation_id, range) {
    return this.#bihak.request("history", { conversation_id, limit: PAGE, ...range });
  }
}
