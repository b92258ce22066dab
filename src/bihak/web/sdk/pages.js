/**
 * Conversations and their newest messages in IndexedDB, within one transaction.
 *
 * A conversation's record has the seq up to which everything is applied; its messages are those from some point on, all
 * of them. Several tabs write the same events, each in order: what is older than the record is left out.
 */

import { answer } from "./database.js";
import { foldConversation, foldMessage, messageOf } from "./fold.js";

/** @typedef {import("./wire.js").Frame} Frame */
/** @typedef {import("./wire.js").Conversation} Conversation */
/** @typedef {import("./wire.js").Message} Message */
/** @typedef {import("./cache.js").Me & {saved_ms: number}} Saved */
/** @typedef {{conversation_id: number, seq: number, conversation: Conversation}} Kept */

/** So many messages of a conversation are kept, and up to twice as many until somebody counts. */
const MESSAGES = 200;

export class Pages {
  #people;
  #conversations;
  #messages;

  /** @param {IDBTransaction} transaction */
  constructor(transaction) {
    this.#people = transaction.objectStore("people");
    this.#conversations = transaction.objectStore("conversations");
    this.#messages = transaction.objectStore("messages");
  }

  /** @param {string} userId @returns {Promise<Saved | undefined>} */
  person(userId) {
    return answer(this.#people.get(userId));
  }

  /** @param {Saved} person */
  async keepPerson(person) {
    await answer(this.#people.put(person));
  }

  /** @returns {Promise<Kept[]>} */
  conversations() {
    return answer(this.#conversations.getAll());
  }

  /** @param {number} id @returns {Promise<Message[]>} oldest first */
  async newest(id) {
    /** @type {Message[]} */
    const found = await answer(this.#messages.getAll(allOf(id)));
    return found.slice(-MESSAGES);
  }

  /** @param {Conversation[]} conversations */
  async keep(conversations) {
    for (const conversation of conversations) {
      const { conversation_id, last_seq } = conversation;
      const known = await this.#find(conversation_id);
      if (known && known.conversation.last_seq > last_seq) continue;
      await this.#put({ conversation_id, seq: known?.seq ?? last_seq, conversation });
    }
  }

  /** @param {number} id @param {Message[]} messages  a page of history @param {number} [before]  the newest if absent */
  async add(id, messages, before) {
    const known = await this.#find(id);
    if (!known || !(await this.#adjoins(id, before))) return;
    for (const message of messages) await answer(this.#messages.put(message));
    await this.#trim(id);
  }

  /** @param {Frame} event @param {string} myId */
  async fold(event, myId) {
    const id = /** @type {number} */ (event.conversation_id);
    if (event.type === "conversation_created") return this.#created(/** @type {any} */ (event));
    const known = await this.#find(id);
    if (!known || (typeof event.seq === "number" && event.seq <= known.seq)) return;
    if (event.type === "participant_left" && event.user_id === myId) return this.forget(id);
    await this.#foldMessage(event);
    const conversation = foldConversation(known.conversation, event, myId);
    const seq = /** @type {number | undefined} */ (event.seq) ?? known.seq;
    await this.#put({ conversation_id: id, seq, conversation });
    if (event.type === "new_message" && seq % MESSAGES === 0) await this.#trim(id);
  }

  /** @param {number} id @param {number} seq  from which events follow; older messages are to be fetched anew */
  async restart(id, seq) {
    const known = await this.#find(id);
    if (known) await this.#put({ ...known, seq });
    await answer(this.#messages.delete(allOf(id)));
  }

  /** @param {number} id */
  async forget(id) {
    await answer(this.#conversations.delete(id));
    await answer(this.#messages.delete(allOf(id)));
  }

  async clear() {
    for (const store of [this.#people, this.#conversations, this.#messages]) await answer(store.clear());
  }

  /** @param {number} id @returns {Promise<Kept | undefined>} */
  #find(id) {
    return answer(this.#conversations.get(id));
  }

  /** @param {Kept} kept */
  async #put(kept) {
    await answer(this.#conversations.put(kept));
  }

  /** @param {import("./wire.js").ConversationCreated} event  we are new to it, or back in it */
  async #created({ conversation }) {
    const { conversation_id, last_seq } = conversation;
    const known = await this.#find(conversation_id);
    if (known && known.seq >= last_seq) return;
    await answer(this.#messages.delete(allOf(conversation_id)));
    await this.#put({ conversation_id, seq: last_seq, conversation });
  }

  /** @param {Frame} event */
  async #foldMessage(event) {
    if (typeof event.message_id !== "number" || typeof event.seq !== "number") return;
    /** @type {Message | undefined} */
    const known = await answer(this.#messages.index("message_id").get(event.message_id));
    // A page of history may have shown a message, as edited since, before its own event comes.
    if (event.type === "new_message") await answer(this.#messages.put(known ?? messageOf(event)));
    else if (known) await answer(this.#messages.put(foldMessage(known, event)));
  }

  /** Whether nothing is missing between a page and what is kept. @param {number} id @param {number} [before] */
  async #adjoins(id, before) {
    if (before === undefined) return true;
    const oldest = await answer(this.#messages.openCursor(allOf(id)));
    return oldest?.value.message_id === before;
  }

  /** @param {number} id */
  async #trim(id) {
    let surplus = (await answer(this.#messages.count(allOf(id)))) - MESSAGES;
    if (surplus < MESSAGES) return;
    const oldest = this.#messages.openCursor(allOf(id));
    for (let cursor = await answer(oldest); cursor && surplus > 0; cursor = await answer(oldest)) {
      cursor.delete();
      surplus -= 1;
      cursor.continue();
    }
  }
}

/** An array sorts behind all numbers. @param {number} id */
const allOf = (id) => IDBKeyRange.bound([id], [id, []]);
