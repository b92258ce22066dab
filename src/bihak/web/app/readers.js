/** What there is to know of a message beside its words: when it was said, who has read it, who reacted. */

import { el, fill } from "./dom.js";
import { avatar } from "./pictures.js";
import { openPopup } from "./popup.js";
import { brief, exactly, nameIn, reasonWords } from "./wording.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("./state.js").State} State */
/** @typedef {{userId: string, name: string, note: string, title?: string}} Line */

/**
 * @param {Element} host @param {Element} anchor
 * @param {{message: Message, state: State, bihak: Bihak, onClose?: () => void}} shown
 */
export function openReaders(host, anchor, { message, state, bihak, onClose }) {
  const { created_at, edited_at, reactions = [] } = message;
  const readers = el("div", { "aria-live": "polite" });
  const reacted = reactions.flatMap(({ emoji, user_ids }) =>
    user_ids.map((userId) => ({ userId, name: nameIn(state, userId), note: emoji })),
  );
  const node = el(
    "div",
    {
      class: "readers",
      role: "dialog",
      "aria-label": t("details.title"),
      tabindex: -1,
      autofocus: true,
    },
    el("p", { class: "readers-when" }, t("details.sent", { time: exactly(created_at) })),
    edited_at ? el("p", { class: "readers-when" }, t("message.editedAt", { time: exactly(edited_at) })) : null,
    state.isMine(message) ? readers : null,
    ...(reacted.length > 0 ? people("details.reactions", reacted) : []),
  );
  openPopup(host, anchor, node, { onClose });
  if (state.isMine(message)) void showReaders(readers, message, bihak);
}

/** @param {HTMLElement} place @param {Message} message @param {Bihak} bihak */
async function showReaders(place, { message_id }, bihak) {
  const note = (/** @type {string} */ words) => fill(place, el("p", { class: "popup-none" }, words));
  note(t("details.loading"));
  try {
    const receipts = await bihak.receipts(message_id);
    const all = receipts.map(({ user_id, name, read_at }) => ({
      userId: user_id,
      name,
      note: brief(read_at),
      title: exactly(read_at),
    }));
    if (all.length > 0) fill(place, ...people("details.readBy", all));
    else note(t("details.unread"));
  } catch (fault) {
    note(t("action.failed", { reason: reasonWords(/** @type {import("../sdk/sdk.js").Fault} */ (fault)) }));
  }
}

/** @param {"details.readBy" | "details.reactions"} title @param {Line[]} lines */
function people(title, lines) {
  const row = (/** @type {Line} */ { userId, name, note, title }) =>
    el(
      "li",
      { class: "readers-person" },
      avatar({ userId, name, size: "small" }),
      el("bdi", { class: "readers-name" }, name),
      el("span", { class: "readers-note", title }, note),
    );
  return [el("h3", { class: "popup-title" }, t(title)), el("ul", {}, ...lines.map(row))];
}
