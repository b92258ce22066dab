/** Changing a message where it stands. What is typed lives as long as the editor, wherever the reader scrolls meanwhile. */

import { el, say } from "./dom.js";
import { TextField } from "./textfield.js";
import { reasonWords } from "./wording.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("../sdk/wire.js").Participant} Participant */

export class Editor {
  #bihak;
  #message;
  #onEnd;
  #field;
  #problem = el("p", { class: "editor-problem", role: "alert" });
  node;

  /**
   * @param {Bihak} bihak @param {Message} message
   * @param {{people: () => readonly Participant[], onEnd: () => void}} around
   */
  constructor(bihak, message, { people, onEnd }) {
    this.#bihak = bihak;
    this.#message = message;
    this.#onEnd = onEnd;
    this.#field = new TextField({ class: "editor-text", "aria-label": t("edit.label") }, people, {
      enter: () => void this.#save(),
      key: (event) => this.#key(event),
    });
    this.#field.text = message.content;
    const cancel = el("button", { class: "link-button", type: "button", onclick: onEnd }, t("app.cancel"));
    const save = el("button", { class: "button editor-save", type: "submit" }, t("app.save"));
    const hint = el("span", { class: "editor-hint" }, t("edit.hint"));
    this.node = el(
      "form",
      {
        class: "editor",
        onsubmit: (event) => {
          event.preventDefault();
          void this.#save();
        },
      },
      this.#field.list,
      this.#field.input,
      this.#problem,
      el("div", { class: "editor-foot" }, hint, cancel, save),
    );
  }

  get messageId() {
    return this.#message.message_id;
  }

  /** Call it once it is on the page. */
  focus() {
    this.#field.fit();
    this.#field.input.focus();
    this.#field.input.setSelectionRange(this.#field.text.length, this.#field.text.length);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // The log has keys of its own.
    event.stopPropagation();
    if (event.key !== "Escape") return;
    event.preventDefault();
    this.#onEnd();
  }

  async #save() {
    const { message_id, content: before } = this.#message;
    const content = this.#field.text.trim();
    if (!content) return;
    if (content === before) return this.#onEnd();
    this.node.inert = true;
    try {
      await this.#bihak.request("edit_message", { message_id, content });
      this.#onEnd();
    } catch (fault) {
      this.node.inert = false;
      say(this.#problem, t("edit.failed", { reason: reasonWords(/** @type {import("../sdk/sdk.js").Fault} */ (fault)) }));
      this.#field.input.focus();
    }
  }
}
