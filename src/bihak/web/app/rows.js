/** From messages to what is shown of them: dividers between days, groups by sender, ticks, quotes. */

import { dayName, dayOf } from "./when.js";
import { senderOf } from "./state.js";

/** @typedef {import("../sdk/wire.js").Conversation} Conversation */
/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("../sdk/outbox.js").Entry} Entry */
/** @typedef {import("./state.js").State} State */

/** @typedef {"sending" | "sent" | "read" | "failed"} Tick */

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
 * @property {{messageId: number, who: string, text: string} | null} quote
 */

/** @typedef {MessageItem | {kind: "day" | "unread", label: string}} Row */

const GROUP_WITHIN_MS = 5 * 60_000;

/**
 * @param {Object} shown
 * @param {State} shown.state
 * @param {Conversation} shown.conversation
 * @param {Entry[]} shown.unsent
 * @param {number | null} shown.firstUnread
 * @returns {{key: string, print: string, item: Row}[]}
 */
export function logRows({ state, conversation, unsent, firstUnread }) {
  const id = conversation.conversation_id;
  const timeline = state.timeline(id);
  const drafts = unsent.map((entry) => ({ entry, message: asMessage(entry, state) }));
  // Until its newest page is there, what came live would stand alone and be pushed up a moment later.
  const stored = timeline.loaded ? timeline.messages : [];
  const all = [...stored.map((message) => ({ entry: null, message })), ...drafts];
  const readSeq = state.readSeq(id);
  const isGroup = conversation.conversation_type !== "direct";

  /** @type {{key: string, print: string, item: Row}[]} */
  const rows = [];
  const put = (/** @type {string} */ key, /** @type {Row} */ item) =>
    rows.push({ key, print: JSON.stringify(item), item });

  all.forEach(({ entry, message }, index) => {
    const before = all[index - 1]?.message;
    const after = all[index + 1]?.message;
    const newDay = !before || dayOf(before.created_at) !== dayOf(message.created_at);
    const isUnread = message.message_id === firstUnread;
    if (newDay) put(`day ${dayOf(message.created_at)}`, { kind: "day", label: dayName(message.created_at) });
    if (isUnread) put("unread", { kind: "unread", label: "New messages" });
    const isMine = state.isMine(message);
    put(keyOf(message, isMine), {
      kind: "message",
      message,
      isMine,
      isFirst: newDay || isUnread || !belongTogether(before, message),
      isLast: !after || after.message_id === firstUnread || !belongTogether(message, after),
      isGroup,
      tick: isMine && !message.deleted_at ? tickOf(entry, message, readSeq) : null,
      reason: entry?.reason ?? null,
      quote: quoteOf(message, state),
    });
  });
  return rows;
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

/** @param {Message} message @param {State} state */
function quoteOf({ conversation_id, reply_to_id }, state) {
  if (!reply_to_id) return null;
  const original = state.timeline(conversation_id).find(reply_to_id);
  if (!original) return { messageId: reply_to_id, who: "Reply", text: "To an earlier message" };
  const text = original.deleted_at ? "Message deleted" : original.content;
  return { messageId: reply_to_id, who: state.isMine(original) ? "You" : original.sender_name, text };
}

/** @param {Entry} entry @param {State} state @returns {Message} */
function asMessage({ key, conversation_id, content, reply_to_id, created_at }, state) {
  const cut = state.myId.lastIndexOf("_");
  const [sender_type, sender_id] = [state.myId.slice(0, cut), Number(state.myId.slice(cut + 1))];
  const sender = { sender_type, sender_id, sender_name: state.people.nameOf(state.myId) };
  return { ...sender, message_id: 0, seq: 0, conversation_id, content, reply_to_id, created_at, idempotency_key: key };
}
