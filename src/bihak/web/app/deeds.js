/** What one can do with a message, and the doing of it. */

import { foldMessage } from "../sdk/fold.js";
import { quickEmoji, usedEmoji } from "./recent.js";
import { reasonWords } from "./wording.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("./menu.js").Item} Item */
/** @typedef {import("./menu.js").Quick} Quick */
/** @typedef {import("./state.js").State} State */

/**
 * @typedef {Object} Views  what needs more than a word to the server
 * @property {(message: Message) => void} reply
 * @property {(message: Message) => void} edit
 * @property {(message: Message) => void} pickEmoji
 * @property {(message: Message) => void} showDetails
 * @property {(message: Message) => void} askDelete
 * @property {(text: string) => void} tell  something that went well, or did not
 * @property {() => void} changed
 */

const QUICK_COUNT = 6;

export class Deeds {
  #bihak;
  #state;
  #views;

  /** @param {Bihak} bihak @param {State} state @param {Views} views */
  constructor(bihak, state, views) {
    this.#bihak = bihak;
    this.#state = state;
    this.#views = views;
  }

  /** @param {Message} message @returns {Item[]} */
  items(message) {
    const { reply, edit, pickEmoji, showDetails, askDelete } = this.#views;
    const isMine = this.#state.isMine(message);
    const may = (/** @type {boolean} */ allowed, /** @type {Item} */ item) => (allowed ? [item] : []);
    const pinned = Boolean(message.pinned);
    return [
      { label: t("action.reply"), icon: "reply", key: "R", act: () => reply(message) },
      { label: t("action.react"), icon: "react", key: "+", act: () => pickEmoji(message) },
      // A plain-http page of another machine has no clipboard.
      ...may(navigator.clipboard !== undefined, {
        label: t("action.copy"),
        icon: "copy",
        key: "C",
        act: () => void this.#copy(message),
      }),
      ...may(isMine, { label: t("action.edit"), icon: "write", key: "E", act: () => edit(message) }),
      {
        label: pinned ? t("action.unpin") : t("action.pin"),
        icon: "pin",
        key: "P",
        act: () => void this.pin(message, !pinned),
      },
      { label: t("action.details"), icon: "details", key: "I", act: () => showDetails(message) },
      ...may(isMine || this.#state.myId.startsWith("admin_"), {
        label: t("action.delete"),
        icon: "trash",
        key: "Delete",
        isGrave: true,
        act: () => askDelete(message),
      }),
    ];
  }

  /** @param {Message} message @returns {Quick[]} */
  quick(message) {
    return quickEmoji(QUICK_COUNT).map((emoji) => ({
      emoji,
      label: emoji,
      isChosen: hasReacted(message, emoji, this.#state.myId),
      act: () => void this.toggle(message, emoji),
    }));
  }

  /** Shown at once, and taken back if the server does not agree. @param {Message} message @param {string} emoji */
  async toggle(message, emoji) {
    const { message_id, conversation_id } = message;
    const had = hasReacted(message, emoji, this.#state.myId);
    const show = (/** @type {boolean} */ on) => {
      const event = { type: on ? "reaction_added" : "reaction_removed", emoji, user_id: this.#state.myId };
      this.#state.timeline(conversation_id).change(message_id, (before) => foldMessage(before, event));
      this.#views.changed();
    };
    show(!had);
    if (!had) usedEmoji(emoji);
    const done = await this.#ask(had ? "remove_reaction" : "add_reaction", { message_id, emoji });
    if (!done) show(had);
  }

  /** @param {Message} message @param {boolean} pinned */
  async pin({ message_id }, pinned) {
    await this.#ask(pinned ? "pin_message" : "unpin_message", { message_id });
  }

  /** @param {Message} message */
  async delete({ message_id }) {
    await this.#ask("delete_message", { message_id });
  }

  /** @param {Message} message */
  async #copy({ content }) {
    try {
      await navigator.clipboard.writeText(content);
      this.#views.tell(t("action.copied"));
    } catch (fault) {
      this.#views.tell(t("action.failed", { reason: reasonWords(/** @type {import("../sdk/sdk.js").Fault} */ (fault)) }));
    }
  }

  /**
   * @param {"add_reaction" | "remove_reaction" | "pin_message" | "unpin_message" | "delete_message"} type
   * @param {object} fields
   * @returns {Promise<boolean>} whether it was done; it is told if not
   */
  async #ask(type, fields) {
    try {
      await this.#bihak.request(type, fields);
      return true;
    } catch (fault) {
      this.#views.tell(t("action.failed", { reason: reasonWords(/** @type {import("../sdk/sdk.js").Fault} */ (fault)) }));
      return false;
    }
  }
}

/** @param {Message} message @param {string} emoji @param {string} userId */
const hasReacted = ({ reactions = [] }, emoji, userId) =>
  reactions.some((reaction) => reaction.emoji === emoji && reaction.user_ids.includes(userId));
