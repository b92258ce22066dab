/**
 * What this person can see: conversations, their messages, the people in them. No I/O.
 *
 * State fetched plus events folded equals state fetched afresh.
 */

import { People } from "./people.js";
import { withReaction, withoutReaction } from "./reactions.js";
import { Timeline } from "./timeline.js";

/** @typedef {import("../sdk/wire.js").Frame} Frame */
/** @typedef {import("../sdk/wire.js").Conversation} Conversation */
/** @typedef {import("../sdk/wire.js").Message} Message */

export class State {
  /** @type {Map<number, Conversation>} */
  #conversations = new Map();
  /** @type {Map<number, Timeline>} */
  #timelines = new Map();
  /** How far each of the others has read. @type {Map<number, Map<string, number>>} */
  #readers = new Map();
  /** @type {string} */
  myId = "";

  /** @param {() => void} changed  called when something changes by itself, with the passing of time */
  constructor(changed) {
    this.people = new People(changed);
  }

  /** @returns {Conversation[]} the one with the latest message first */
  get conversations() {
    return [...this.#conversations.values()].sort((a, b) => (activityOf(a) < activityOf(b) ? 1 : -1));
  }

  get unread() {
    return this.conversations.reduce((sum, { unread }) => sum + unread, 0);
  }

  /** @param {number | null} id */
  find(id) {
    return id === null ? undefined : this.#conversations.get(id);
  }

  /** @param {number} id @returns {Timeline} */
  timeline(id) {
    const timeline = this.#timelines.get(id) ?? new Timeline();
    this.#timelines.set(id, timeline);
    return timeline;
  }

  /** @param {Conversation} conversation */
  othersIn({ participants }) {
    return participants.filter(({ user_id }) => user_id !== this.myId);
  }

  /** @param {Conversation} conversation @returns {string} */
  titleOf(conversation) {
    if (conversation.name) return conversation.name;
    const names = this.othersIn(conversation).map(({ user_id }) => this.people.nameOf(user_id));
    return names.join(", ") || "Just you";
  }

  /** @param {Message} message */
  isMine(message) {
    return senderOf(message) === this.myId;
  }

  /** @param {number} id @returns {number} the highest seq that somebody else is known to have read */
  readSeq(id) {
    const timeline = this.timeline(id);
    const seqs = [...(this.#readers.get(id)?.values() ?? [])].map((messageId) => timeline.seqOf(messageId));
    return Math.max(0, ...seqs);
  }

  /** @param {Conversation[]} conversations  all there are, as fetched */
  replaceAll(conversations) {
    const before = this.#conversations;
    this.#conversations = new Map();
    for (const fresh of conversations) this.#put(fresh, before.get(fresh.conversation_id));
  }

  /** @param {number} id @param {Partial<Conversation>} change */
  update(id, change) {
    const known = this.#conversations.get(id);
    if (known) this.#conversations.set(id, { ...known, ...change });
  }

  /** A message of ours is stored; its event may come before or after this. @param {Message} message */
  acknowledged(message) {
    this.timeline(message.conversation_id).arrive(message);
    const last = this.find(message.conversation_id)?.last_message;
    if (!last || last.seq < message.seq) this.update(message.conversation_id, { last_message: message });
  }

  /** @param {Frame} frame @returns {boolean} false when the event tells less than must be known: fetch */
  fold(frame) {
    const { conversation_id: id, seq } = frame;
    const known = typeof id === "number" ? this.#conversations.get(id) : undefined;
    if (known && typeof seq === "number")
      this.update(known.conversation_id, { last_seq: Math.max(known.last_seq, seq) });
    const fold = Object.hasOwn(this.#folds, frame.type) ? this.#folds[frame.type] : undefined;
    return fold?.(/** @type {any} */ (frame)) ?? true;
  }

  /** @type {Record<string, (frame: any) => boolean | void>} */
  #folds = {
    new_message: (/** @type {Message} */ message) => {
      const { conversation_id: id } = message;
      this.timeline(id).arrive(message);
      this.people.typed({ ...message, ...identityOf(message), is_typing: false });
      const known = this.#conversations.get(id);
      if (!known) return false;
      const last_message = known.last_message && known.last_message.seq > message.seq ? known.last_message : message;
      this.update(id, { last_message, unread: known.unread + (this.isMine(message) ? 0 : 1) });
    },
    message_edited: (/** @type {import("../sdk/wire.js").MessageEdited} */ frame) => {
      const { content, edited_at, mentions = [] } = frame;
      this.#change(frame, (message) => ({ ...message, content, edited_at, mentions }));
    },
    message_deleted: (/** @type {import("../sdk/wire.js").MessageDeleted} */ frame) => {
      const { deleted_at } = frame;
      this.#change(frame, (message) => ({ ...message, content: "", deleted_at, reactions: [], pinned: false }));
      // Whether it was one of the unread is for the server to say: it may lie before what has been loaded.
      return this.find(frame.conversation_id)?.unread === 0;
    },
    reaction_added: (/** @type {import("../sdk/wire.js").ReactionChange} */ frame) =>
      this.#change(frame, (message) => withReaction(message, frame.emoji, frame.user_id)),
    reaction_removed: (/** @type {import("../sdk/wire.js").ReactionChange} */ frame) =>
      this.#change(frame, (message) => withoutReaction(message, frame.emoji, frame.user_id)),
    message_pinned: (/** @type {import("../sdk/wire.js").PinChange} */ frame) =>
      this.#change(frame, (message) => ({ ...message, pinned: true })),
    message_unpinned: (/** @type {import("../sdk/wire.js").PinChange} */ frame) =>
      this.#change(frame, (message) => ({ ...message, pinned: false })),
    message_read: (/** @type {import("../sdk/wire.js").MessageRead} */ read) => {
      const { conversation_id: id, user_id, message_id } = read;
      if (user_id !== this.myId) this.#readBy(id, user_id, message_id);
      else return this.#readElsewhere(id, message_id);
    },
    user_typing: (/** @type {import("../sdk/wire.js").UserTyping} */ change) => {
      const { user_id, participant_type, participant_id, name } = change;
      if (name) this.people.meet({ user_id, participant_type, participant_id, name });
      this.people.typed(change);
    },
    status_change: (/** @type {import("../sdk/wire.js").StatusChange} */ change) => this.people.statusChanged(change),
    conversation_renamed: ({ conversation_id, name }) => this.update(conversation_id, { name }),
    conversation_created: (frame) => {
      const fresh = /** @type {Conversation} */ (frame.conversation ?? frame);
      if (!Array.isArray(fresh.participants)) return false;
      this.#put(fresh, this.#conversations.get(fresh.conversation_id));
    },
    participant_joined: () => false,
    participant_left: ({ conversation_id, user_id }) => {
      if (user_id === this.myId) this.#conversations.delete(conversation_id);
      return false;
    },
  };

  /** @param {Conversation} fresh @param {Conversation | undefined} known */
  #put(fresh, known) {
    for (const participant of fresh.participants) {
      this.people.meet(participant);
      const { user_id, last_read_message_id } = participant;
      if (last_read_message_id && user_id !== this.myId)
        this.#readBy(fresh.conversation_id, user_id, last_read_message_id);
    }
    // A reply read from the database before an event was committed can arrive after that event.
    const ahead = known && known.last_seq > fresh.last_seq ? known : fresh;
    const { last_seq, last_message = null, unread = 0 } = ahead;
    this.#conversations.set(fresh.conversation_id, { ...fresh, last_seq, last_message, unread });
  }

  /** @param {{conversation_id: number, message_id: number}} frame @param {(message: Message) => Message} change */
  #change({ conversation_id, message_id }, change) {
    this.timeline(conversation_id).change(message_id, change);
    const last = this.#conversations.get(conversation_id)?.last_message;
    if (last?.message_id === message_id) this.update(conversation_id, { last_message: change(last) });
  }

  /** @param {number} id @param {string} userId @param {number} messageId */
  #readBy(id, userId, messageId) {
    const readers = this.#readers.get(id) ?? new Map();
    readers.set(userId, messageId);
    this.#readers.set(id, readers);
  }

  /**
   * This person has read up to a message, here or on another device.
   * @param {number} id @param {number} messageId @returns {boolean} false when that message is not known here
   */
  #readElsewhere(id, messageId) {
    const timeline = this.timeline(id);
    const read = timeline.find(messageId) ?? this.find(id)?.last_message;
    if (read?.message_id !== messageId || timeline.hasNewer) return this.find(id)?.unread === 0;
    const isUnread = (/** @type {Message} */ message) =>
      message.seq > read.seq && !message.deleted_at && !this.isMine(message);
    this.update(id, { unread: timeline.messages.filter(isUnread).length, last_read_message_id: messageId });
    return true;
  }
}

/** @param {Message} message @returns {string} a user_id */
export const senderOf = ({ sender_type, sender_id }) => `${sender_type}_${sender_id}`;

/** @param {Message} message */
const identityOf = (message) => ({
  user_id: senderOf(message),
  participant_type: message.sender_type,
  participant_id: message.sender_id,
});

/** @param {Conversation} conversation */
const activityOf = ({ last_message, created_at }) => last_message?.created_at ?? created_at;
