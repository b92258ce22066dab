/**
 * What this person can see: conversations, their messages, the people in them. No I/O.
 *
 * State fetched plus events folded equals state fetched afresh.
 */

import { foldConversation, foldMessage, messageOf, senderOf } from "../sdk/fold.js";
import { People } from "./people.js";
import { Timeline } from "./timeline.js";
import { list, t } from "./words.js";

export { senderOf };

/** @typedef {import("../sdk/wire.js").Frame} Frame */
/** @typedef {import("../sdk/wire.js").Conversation} Conversation */
/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("../sdk/cache.js").Me} Me */

const MODERATOR = "admin";

export class State {
  /** @type {Map<number, Conversation>} */
  #conversations = new Map();
  /** @type {Map<number, Timeline>} */
  #timelines = new Map();
  /** @type {Me | null} */
  me = null;

  /** @param {() => void} changed  called when something changes by itself, with the passing of time */
  constructor(changed) {
    this.people = new People(changed);
  }

  get myId() {
    return this.me?.user_id ?? "";
  }

  /** @returns {Conversation[]} the one with the latest message first */
  get conversations() {
    return [...this.#conversations.values()].sort((a, b) => (activityOf(a) < activityOf(b) ? 1 : -1));
  }

  /** @param {number | null} id */
  find(id) {
    return id === null ? undefined : this.#conversations.get(id);
  }

  /** @param {string} userId @returns {Conversation | undefined} the one between the two of us */
  findDirect(userId) {
    return this.conversations.find(
      (each) => isDirect(each) && each.participants.some(({ user_id }) => user_id === userId),
    );
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
    return names.length > 0 ? list(names) : t("list.justYou");
  }

  /** @param {Message} message */
  isMine(message) {
    return senderOf(message) === this.myId;
  }

  /** Whether one may rename it, add people and take them out. @param {Conversation} conversation */
  mayManage(conversation) {
    return !isDirect(conversation) && this.#leads(conversation);
  }

  /** @param {Conversation} conversation */
  mayPost(conversation) {
    return conversation.conversation_type !== "broadcast" || this.#leads(conversation);
  }

  /** @param {Conversation} conversation */
  #leads({ participants }) {
    const mine = participants.find(({ user_id }) => user_id === this.myId);
    return mine?.role === "owner" || this.me?.participant_type === MODERATOR;
  }

  /** @param {number} id @returns {number} the highest seq that somebody else is known to have read */
  readSeq(id) {
    const conversation = this.find(id);
    const others = conversation ? this.othersIn(conversation) : [];
    const read = Math.max(0, ...others.map(({ last_read_message_id }) => last_read_message_id ?? 0));
    return read > 0 ? this.timeline(id).seqOf(read) : 0;
  }

  /** @param {Conversation[]} conversations  all there are, as fetched */
  replaceAll(conversations) {
    const before = this.#conversations;
    this.#conversations = new Map();
    for (const fresh of conversations) this.put(fresh, before.get(fresh.conversation_id));
  }

  /** @param {Conversation} fresh  as fetched @param {Conversation} [known] */
  put(fresh, known = this.find(fresh.conversation_id)) {
    for (const participant of fresh.participants) this.people.meet(participant);
    // A reply read from the database before an event was committed can arrive after that event.
    this.#conversations.set(fresh.conversation_id, known && known.last_seq > fresh.last_seq ? known : fresh);
  }

  /** @param {number} id @param {Partial<Conversation>} change */
  update(id, change) {
    const known = this.#conversations.get(id);
    if (known) this.#conversations.set(id, { ...known, ...change });
  }

  /** A message of ours is stored; its event may come before or after this. @param {Message} message */
  acknowledged(message) {
    const { conversation_id: id } = message;
    this.timeline(id).arrive(message);
    const known = this.find(id)?.last_message;
    // Its event was here first, and may have been followed by a change.
    if (known?.message_id !== message.message_id) this.update(id, { last_message: latest(known, message) });
  }

  /** @param {Frame} frame @returns {boolean} false when the event tells less than must be known: fetch */
  fold(frame) {
    this.#foldMessage(frame);
    const isEnough = this.#foldConversation(frame);
    const fold = Object.hasOwn(this.#folds, frame.type) ? this.#folds[frame.type] : undefined;
    return (fold?.(/** @type {any} */ (frame)) ?? true) && isEnough;
  }

  /** @param {Frame} frame */
  #foldMessage(frame) {
    const { conversation_id: id, message_id: messageId } = frame;
    if (typeof id !== "number" || typeof messageId !== "number" || typeof frame.seq !== "number") return;
    if (frame.type === "new_message") this.timeline(id).arrive(messageOf(frame));
    else this.timeline(id).change(messageId, (message) => foldMessage(message, frame));
  }

  /** @param {Frame} frame @returns {boolean} false when it is a conversation that is not known */
  #foldConversation(frame) {
    const known = typeof frame.conversation_id === "number" ? this.#conversations.get(frame.conversation_id) : undefined;
    if (!known) return frame.type !== "new_message";
    // What was fetched may be ahead of the event, and has it already.
    if (typeof frame.seq === "number" && frame.seq <= known.last_seq) return true;
    const { unread, ...next } = foldConversation(known, frame, this.myId);
    const last_message = latest(known.last_message, next.last_message);
    // How much is left after reading is counted below.
    const counted = frame.type === "message_read" ? known.unread : unread;
    this.#conversations.set(known.conversation_id, { ...next, last_message, unread: counted });
    return true;
  }

  /** @type {Record<string, (frame: any) => boolean | void>} */
  #folds = {
    new_message: (/** @type {Message} */ message) => {
      this.people.typed({ ...message, ...identityOf(message), is_typing: false });
    },
    // Whether it was one of the unread is for the server to say: it may lie before what has been loaded.
    message_deleted: ({ conversation_id }) => this.find(conversation_id)?.unread === 0,
    message_read: ({ conversation_id, user_id, message_id }) =>
      user_id !== this.myId || this.#readElsewhere(conversation_id, message_id),
    user_typing: (/** @type {import("../sdk/wire.js").UserTyping} */ change) => {
      const { user_id, participant_type, participant_id, name } = change;
      if (name) this.people.meet({ user_id, participant_type, participant_id, name });
      this.people.typed(change);
    },
    status_change: (/** @type {import("../sdk/wire.js").StatusChange} */ change) => this.people.statusChanged(change),
    conversation_created: ({ conversation }) => this.put(conversation),
    participant_joined: ({ user_id, participant_type, participant_id, name, avatar_url }) =>
      this.people.meet({ user_id, participant_type, participant_id, name, avatar_url }),
    participant_left: ({ conversation_id, user_id }) => {
      if (user_id === this.myId) this.#conversations.delete(conversation_id);
    },
  };

  /**
   * This person has read up to a message, here or on another device.
   * @param {number} id @param {number} messageId @returns {boolean} false when what is left cannot be counted here
   */
  #readElsewhere(id, messageId) {
    const conversation = this.find(id);
    if (!conversation || conversation.unread === 0) return true;
    const timeline = this.timeline(id);
    const read = timeline.find(messageId);
    const isLast = conversation.last_message?.message_id === messageId;
    if (!isLast && (!read || timeline.hasNewer)) return false;
    const isUnread = (/** @type {Message} */ message) =>
      message.seq > (read?.seq ?? 0) && !message.deleted_at && !this.isMine(message);
    this.update(id, { unread: isLast ? 0 : timeline.messages.filter(isUnread).length });
    return true;
  }
}

/** @param {Conversation} conversation */
export const isDirect = ({ conversation_type }) => conversation_type === "direct";

/** @param {Message} message */
const identityOf = (message) => ({
  user_id: senderOf(message),
  participant_type: message.sender_type,
  participant_id: message.sender_id,
});

/** @param {Conversation} conversation */
const activityOf = ({ last_message, created_at }) => last_message?.created_at ?? created_at;

/** @param {Message | null | undefined} known @param {Message | null} next */
const latest = (known, next) => (known && (!next || known.seq > next.seq) ? known : next);
