/** From messages to what is shown of them: dividers between days, groups by sender, ticks, quotes. */

import { senderOf } from "./state.js";
import { dayName, dayOf } from "./when.js";
import { nameIn, reasonWords } from "./wording.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/wire.js").Conversation} Conversation */
/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("../sdk/outbox.js").Entry} Entry */
/** @typedef {import("./richtext.js").Mentioned} Mentioned */
/** @typedef {import("./reactions.js").Chip} Chip */
/** @typedef {import("./state.js").State} State */

/** @typedef {"sending" | "sent" | "read" | "failed"} Tick */
/** @typedef {{messageId: number, who: string | null, text: string}} Quote */

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
