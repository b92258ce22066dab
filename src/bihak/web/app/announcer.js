/** Tells those who listen to the screen what was said, once, and nothing of what only moved. */

import { el } from "./dom.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("./state.js").State} State */

const KEEPS = 3;

export class Announcer {
  #state;
  #off;
  /** @type {number | null} */
  conversationId = null;
  node = el("div", { class: "unseen", role: "status", "aria-live": "polite", "aria-atomic": "false" });

  /** @param {Bihak} bihak @param {State} state */
  constructor(bihak, state) {
    this.#state = state;
    this.#off = bihak.on("event", (frame) => {
      if (frame.type === "new_message") this.#said(/** @type {any} */ (frame));
    });
  }

  end() {
    this.#off();
  }

  /** @param {string} words */
  tell(words) {
    this.node.append(el("p", {}, words));
    while (this.node.childElementCount > KEEPS) this.node.firstElementChild?.remove();
  }

  /** @param {Message} message */
  #said(message) {
    if (message.conversation_id !== this.conversationId || this.#state.isMine(message)) return;
    this.tell(t("log.said", { name: message.sender_name, text: message.content }));
  }
}
