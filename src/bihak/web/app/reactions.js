/** The reactions below a message: each emoji with its count; a press adds one's own, or takes it back. */

import { el } from "./dom.js";
import { list, number, t } from "./words.js";

/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {{emoji: string, names: string[], isMine: boolean}} Chip */

/** @param {Chip[]} chips @param {(emoji: string) => void} onToggle */
export function reactionChips(chips, onToggle) {
  if (chips.length === 0) return null;
  return el("div", { class: "reactions" }, ...chips.map((chip) => reactionChip(chip, onToggle)));
}

/** @param {Chip} chip @param {(emoji: string) => void} onToggle */
function reactionChip({ emoji, names, isMine }, onToggle) {
  const by = t("emoji.by", { names: list(names) });
  return el(
    "button",
    {
      class: "reaction",
      type: "button",
      "aria-pressed": String(isMine),
      title: `${emoji} ${by}`,
      onclick: () => onToggle(emoji),
    },
    el("span", { class: "reaction-emoji" }, emoji),
    el("span", { class: "reaction-count" }, number(names.length)),
    el("span", { class: "unseen" }, ` ${by}`),
  );
}

/** @param {Message} message @param {string} emoji @param {string} userId */
export const hasReacted = ({ reactions = [] }, emoji, userId) =>
  reactions.some((reaction) => reaction.emoji === emoji && reaction.user_ids.includes(userId));
