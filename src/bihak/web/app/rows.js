/** From messages to what is shown of them: which have rows, dividers between days, groups by sender, ticks, quotes. No I/O. */

import { senderOf } from "./state.js";
import { dayName, dayOf, nameIn, reasonWords } from "./wording.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/wire.js").Conversation} Conversation */
/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("../sdk/outbox.js").Entry} Entry */
/** @typedef {import("./state.js").State} State */
/** @typedef {import("./timeline.js").Side} Side */
/** @typedef {readonly Message[]} Messages */

/** @typedef {"sending" | "sent" | "read" | "failed"} Tick */
/** @typedef {{messageId: number, who: string | null, text: string}} Quote */
/** @typedef {{name: string, isMe: boolean}} Mentioned */
/** @typedef {{emoji: string, names: string[], isMine: boolean}} Chip */

/**
 * @typedef {Object} MessageItem
 * @property {"message"} kind
 * @property {Message} message
 * @property {boolean} isMine
 * @property {boolean} isFirst  of its group
 * @property {boolean} isLast
 * @property {boolean} isGroup  whether it must be said who speaks
 * @property {Tick | null} tick
 * @property {string | null} reason  why it failed
 * @property {Quote | null} quote
 * @property {Mentioned[]} mentioned
 * @property {Chip[]} chips
 * @property {boolean} isEdited  it is being edited just now
 */

/** @typedef {MessageItem | {kind: "day" | "unread", label: string}} Row */
/** @typedef {{key: string, print: string, item: Row}} KeyedRow */

/**
 * @typedef {Object} Shown
 * @property {State} state
 * @property {Conversation} conversation
 * @property {readonly Message[]} messages  all that are loaded
 * @property {number} start  those of them that have rows
 * @property {number} end
 * @property {Entry[]} unsent
 * @property {number | null} firstUnread  a message's id
 * @property {number | null} edited
 * @property {(messageId: number) => Message | undefined} recall  a message that may be anywhere in the conversation
 */

const GROUP_WITHIN_MS = 5 * 60_000;
/** Rows on the page at most. They must fill well over three screens, or what is cut off would be missed at once. */
const MOST = 200;
const STEP = 40;
const AT_FIRST = 80;

/**
 * Which of the loaded messages have rows: a stretch around the reader, so that the page stays as light with a hundred
 * thousand messages as with a hundred.
 */
export class Span {
  /** The seqs of its ends; what joins the end of an endless one is in it. */
  #from = 0;
  #to = Infinity;

  /** @param {Messages} messages @returns {number} */
  start(messages) {
    const at = messages.findIndex(({ seq }) => seq >= this.#from);
    return at < 0 ? messages.length : at;
  }

  /** @param {Messages} messages @returns {number} after its last one */
  end(messages) {
    return messages.findLastIndex(({ seq }) => seq <= this.#to) + 1;
  }

  /** @param {Messages} messages */
  isAtEnd(messages) {
    return this.end(messages) === messages.length;
  }

  /** @param {Messages} messages */
  toEnd(messages) {
    this.#put(messages, messages.length - AT_FIRST, messages.length);
  }

  /** @param {Messages} messages @param {number} seq */
  around(messages, seq) {
    const at = messages.findIndex((message) => message.seq >= seq);
    this.#put(messages, at - AT_FIRST / 2, at + AT_FIRST / 2);
  }

  /** Makes it longer on that side, and cuts off what is too much on the other. @param {Messages} messages @param {Side} side */
  extend(messages, side) {
    const [start, end] = [this.start(messages), this.end(messages)];
    if (side === "older") this.#put(messages, start - STEP, Math.min(end, start - STEP + MOST));
    else this.#put(messages, Math.max(start, end + STEP - MOST), end + STEP);
  }

  /** What has joined its end has made it longer. @param {Messages} messages @param {() => Side} kept  where the reader is */
  fit(messages, kept) {
    const [start, end] = [this.start(messages), this.end(messages)];
    // Not at each message: it would move the reader's place in a list that is being read.
    if (end - start <= MOST + STEP) return;
    if (kept() === "newer") this.#put(messages, end - MOST, end);
    else this.#put(messages, start, start + MOST);
  }

  /** @param {Messages} messages @param {number} start @param {number} end */
  #put(messages, start, end) {
    this.#from = messages[Math.max(0, start)]?.seq ?? 0;
    this.#to = end >= messages.length ? Infinity : messages[end - 1].seq;
  }
}

/** @param {Shown} shown @returns {KeyedRow[]} */
export function logRows(shown) {
  const { state, conversation, messages, start, end, unsent, firstUnread } = shown;
  const drafts = unsent.map((entry) => ({ entry, message: asMessage(entry, state) }));
  const all = [...messages.slice(start, end).map((message) => ({ entry: null, message })), ...drafts];
  const readSeq = state.readSeq(conversation.conversation_id);

  /** @type {KeyedRow[]} */
  const rows = [];
  const put = (/** @type {string} */ key, /** @type {Row} */ item) =>
    rows.push({ key, print: JSON.stringify(item), item });

  all.forEach(({ entry, message }, index) => {
    const before = all[index - 1]?.message ?? messages[start - 1];
    const after = all[index + 1]?.message ?? messages[end];
    const isNewDay = !before || dayOf(before.created_at) !== dayOf(message.created_at);
    const isUnread = message.message_id === firstUnread;
    // The first row always says which day it is, for it stays in sight.
    if (isNewDay || index === 0)
      put(`day ${dayOf(message.created_at)}`, { kind: "day", label: dayName(message.created_at) });
    if (isUnread) put("unread", { kind: "unread", label: t("log.unread") });
    put(keyOf(message, state.isMine(message)), {
      ...itemOf(message, entry, readSeq, shown),
      isFirst: isNewDay || isUnread || !belongTogether(before, message),
      isLast: !after || after.message_id === firstUnread || !belongTogether(message, after),
    });
  });
  return rows;
}

/**
 * @param {readonly Message[]} messages
 * @param {number | null | undefined} readBefore  the last message that had been read; undefined where all had
 * @param {number} unread @param {(message: Message) => boolean} isMine
 * @returns {number | null} a message id
 */
export function firstUnread(messages, readBefore, unread, isMine) {
  if (readBefore === undefined || unread === 0) return null;
  const read = messages.find(({ message_id }) => message_id === readBefore);
  const theirs = messages.filter((message) => !isMine(message) && !message.deleted_at);
  if (read) return theirs.find(({ seq }) => seq > read.seq)?.message_id ?? null;
  return theirs[Math.max(0, theirs.length - unread)]?.message_id ?? null;
}

/** @param {Message} message @param {Entry | null} entry @param {number} readSeq @param {Shown} shown @returns {MessageItem} */
function itemOf(message, entry, readSeq, { state, conversation, edited, recall }) {
  const isMine = state.isMine(message);
  const { message_id, mentions = [], reactions = [] } = message;
  return {
    kind: "message",
    message,
    isMine,
    isFirst: true,
    isLast: true,
    isGroup: conversation.conversation_type !== "direct",
    tick: isMine && !message.deleted_at ? tickOf(entry, message, readSeq) : null,
    reason: entry ? reasonWords({ code: entry.code, message: entry.reason }) : null,
    quote: quoteOf(message, state, recall),
    mentioned: mentions.flatMap((userId) => mentionedAs(userId, state)),
    chips: reactions.map(({ emoji, user_ids }) => ({
      emoji,
      names: user_ids.map((userId) => nameIn(state, userId)),
      isMine: user_ids.includes(state.myId),
    })),
    isEdited: message_id !== 0 && message_id === edited,
  };
}

/** A message keeps its row while it turns from unsent to stored. @param {Message} message @param {boolean} isMine */
const keyOf = ({ message_id, idempotency_key }, isMine) =>
  isMine && idempotency_key ? `key ${idempotency_key}` : `id ${message_id}`;

/** @param {Message} a @param {Message} b */
function belongTogether(a, b) {
  const apartMs = new Date(b.created_at).getTime() - new Date(a.created_at).getTime();
  return senderOf(a) === senderOf(b) && apartMs < GROUP_WITHIN_MS && dayOf(a.created_at) === dayOf(b.created_at);
}

/** @param {Entry | null} entry @param {Message} message @param {number} readSeq @returns {Tick} */
function tickOf(entry, message, readSeq) {
  if (entry) return entry.state === "failed" ? "failed" : "sending";
  return message.seq <= readSeq ? "read" : "sent";
}

/** @param {Message} message @param {State} state @param {Shown["recall"]} recall @returns {Quote | null} */
function quoteOf({ reply_to_id }, state, recall) {
  if (!reply_to_id) return null;
  const original = recall(reply_to_id);
  if (!original) return { messageId: reply_to_id, who: null, text: t("message.earlier") };
  const text = original.deleted_at ? t("message.deleted") : original.content;
  return { messageId: reply_to_id, who: state.isMine(original) ? t("message.you") : original.sender_name, text };
}

/** By name, or by `user_id`: the server takes both. @param {string} userId @param {State} state @returns {Mentioned[]} */
function mentionedAs(userId, state) {
  const isMe = userId === state.myId;
  return [...new Set([state.people.nameOf(userId), userId])].map((name) => ({ name, isMe }));
}

/** @param {Entry} entry @param {State} state @returns {Message} */
function asMessage({ key, conversation_id, content, reply_to_id, created_at }, state) {
  const cut = state.myId.lastIndexOf("_");
  const [sender_type, sender_id] = [state.myId.slice(0, cut), Number(state.myId.slice(cut + 1))];
  const sender = { sender_type, sender_id, sender_name: state.people.nameOf(state.myId) };
  return { ...sender, message_id: 0, seq: 0, conversation_id, content, reply_to_id, created_at, idempotency_key: key };
}
