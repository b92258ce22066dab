/** What is told in passing: small lines that go away by themselves, and what is read aloud. */

import { el, say } from "./dom.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("./state.js").State} State */

const STAYS_MS = 5_000;
/** Lines for those who listen. */
const SAID_KEPT = 3;

/** A line that tells of something small. */
export class Notice {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #going;
  #words = el("span");
  node = el("div", { class: "notice", role: "status" }, this.#words);

  /** @param {string} words */
  tell(words) {
    clearTimeout(this.#going);
    say(this.#words, words);
    this.node.classList.add("shown");
    this.#going = setTimeout(() => this.end(), STAYS_MS);
  }

  end() {
    clearTimeout(this.#going);
    this.node.classList.remove("shown");
    say(this.#words, "");
  }
}

/** Tells those who listen to the screen what was said, once, and nothing of what only moved. */
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
    while (this.node.childElementCount > SAID_KEPT) this.node.firstElementChild?.remove();
  }

  /** @param {import("../sdk/wire.js").Message} message */
  #said(message) {
    if (message.conversation_id !== this.conversationId || this.#state.isMine(message)) return;
    this.tell(t("log.said", { name: message.sender_name, text: message.content }));
  }
}
