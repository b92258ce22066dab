/** Who reacted with what: one emoji counts each person once. No I/O. */

/** @typedef {import("../sdk/wire.js").Message} Message */

/** @param {Message} message @param {string} emoji @param {string} userId @returns {Message} */
export function withReaction(message, emoji, userId) {
  const reactions = message.reactions ?? [];
  if (hasReacted(message, emoji, userId)) return message;
  if (!reactions.some((reaction) => reaction.emoji === emoji))
    return { ...message, reactions: [...reactions, { emoji, user_ids: [userId] }] };
  const more = reactions.map((reaction) =>
    reaction.emoji === emoji ? { emoji, user_ids: [...reaction.user_ids, userId] } : reaction,
  );
  return { ...message, reactions: more };
}

/** @param {Message} message @param {string} emoji @param {string} userId @returns {Message} */
export function withoutReaction(message, emoji, userId) {
  const fewer = (message.reactions ?? []).map((reaction) =>
    reaction.emoji === emoji ? { emoji, user_ids: reaction.user_ids.filter((id) => id !== userId) } : reaction,
  );
  return { ...message, reactions: fewer.filter(({ user_ids }) => user_ids.length > 0) };
}

/** @param {Message} message @param {string} emoji @param {string} userId */
export const hasReacted = ({ reactions = [] }, emoji, userId) =>
  reactions.some((reaction) => reaction.emoji === emoji && reaction.user_ids.includes(userId));
