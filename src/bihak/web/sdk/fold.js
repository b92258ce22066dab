/**
 * What an event does to a message and to a conversation. Pure: each returns a new object, or the old one where the event
 * changes nothing. State fetched plus events folded equals state fetched afresh.
 */

/** @typedef {import("./wire.js").Frame} Frame */
/** @typedef {import("./wire.js").Message} Message */
/** @typedef {import("./wire.js").Conversation} Conversation */
/** @typedef {import("./wire.js").Reaction} Reaction */

/** @type {Record<string, (message: Message, event: any) => Message>} */
const TO_MESSAGE = {
  message_edited: (message, { content, edited_at, mentions = [] }) => ({ ...message, content, edited_at, mentions }),
  message_deleted: (message, { deleted_at }) => ({
    ...message,
    content: "",
    deleted_at,
    reactions: [],
    mentions: [],
    pinned: false,
  }),
  reaction_added: (message, change) => withReaction(message, change, true),
  reaction_removed: (message, change) => withReaction(message, change, false),
  message_pinned: (message) => ({ ...message, pinned: true }),
  message_unpinned: (message) => ({ ...message, pinned: false }),
};

/** @type {Record<string, (conversation: Conversation, event: any, myId: string) => Conversation>} */
const TO_CONVERSATION = {
  new_message: (conversation, message, myId) => ({
    ...conversation,
    last_message: message,
    unread: conversation.unread + (senderOf(message) === myId ? 0 : 1),
  }),
  conversation_renamed: (conversation, { name }) => ({ ...conversation, name }),
  participant_joined: (conversation, joined) => {
    const { type: _type, conversation_id: _id, seq: _seq, by: _by, ...participant } = joined;
    return { ...conversation, participants: [...without(conversation.participants, joined), participant] };
  },
  participant_left: (conversation, left) => ({
    ...conversation,
    participants: without(conversation.participants, left).map((each) =>
      each.user_id === left.owner ? { ...each, role: "owner" } : each,
    ),
  }),
  message_read: (conversation, read, myId) => {
    const participants = conversation.participants.map((each) =>
      each.user_id === read.user_id ? { ...each, last_read_message_id: read.message_id } : each,
    );
    if (read.user_id !== myId) return { ...conversation, participants };
    const unread = read.message_id === conversation.last_message?.message_id ? 0 : conversation.unread;
    return { ...conversation, participants, unread, last_read_message_id: read.message_id };
  },
};

/** @param {Message} message @param {Frame} event @returns {Message} */
export function foldMessage(message, event) {
  return Object.hasOwn(TO_MESSAGE, event.type) ? TO_MESSAGE[event.type](message, event) : message;
}

/** @param {Conversation} conversation @param {Frame} event @param {string} myId @returns {Conversation} */
export function foldConversation(conversation, event, myId) {
  const last_seq = Math.max(conversation.last_seq, /** @type {number | undefined} */ (event.seq) ?? 0);
  if (Object.hasOwn(TO_CONVERSATION, event.type)) {
    return { ...TO_CONVERSATION[event.type](conversation, event, myId), last_seq };
  }
  const last = conversation.last_message;
  const last_message = last && last.message_id === event.message_id ? foldMessage(last, event) : last;
  return { ...conversation, last_message, last_seq };
}

/** A `new_message` event as history shows it. @param {Frame} event @returns {Message} */
export function messageOf({ type: _type, ...message }) {
  return /** @type {Message} */ (/** @type {unknown} */ (message));
}

/** @param {Message} message @returns {string} a user_id */
export const senderOf = ({ sender_type, sender_id }) => `${sender_type}_${sender_id}`;

/** @param {Message} message @param {{emoji: string, user_id: string}} change @param {boolean} added */
function withReaction(message, { emoji, user_id }, added) {
  const known = message.reactions ?? [];
  const before = known.find((reaction) => reaction.emoji === emoji)?.user_ids ?? [];
  const others = before.filter((each) => each !== user_id);
  const user_ids = added ? [...others, user_id] : others;
  const changed = { emoji, user_ids };
  const isKnown = known.some((reaction) => reaction.emoji === emoji);
  const reactions = isKnown ? known.map((each) => (each.emoji === emoji ? changed : each)) : [...known, changed];
  return { ...message, reactions: reactions.filter((reaction) => reaction.user_ids.length > 0) };
}

/** @template {{user_id: string}} T @param {T[]} participants @param {{user_id: string}} who */
const without = (participants, { user_id }) => participants.filter((each) => each.user_id !== user_id);
