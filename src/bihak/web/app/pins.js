/** What a conversation keeps at hand: the message that was pinned last, and the way to the others. */

import { el, fill } from "./dom.js";
import { later, withModule } from "./later.js";
import { icon } from "./pictures.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/wire.js").Frame} Frame */
/** @typedef {import("../sdk/wire.js").Message} Message */

/** After these the pinned messages may not be what they were. */
const CHANGES = new Set(["message_pinned", "message_unpinned", "message_edited", "message_deleted"]);

export class Pins {
  #bihak;
  #onShow;
  #off;
  /** @type {number | null} */
  #conversationId = null;
  /** @type {Message[]} the latest pinned first */
  #messages = [];
  #latest = el("button", { class: "pins-latest", type: "button", onclick: () => this.#onShow(this.#messages[0].message_id) });
  #all = el(
    "button",
    { class: "icon-button", type: "button", "aria-label": t("pins.all"), title: t("pins.all"), onclick: () => this.#list() },
    icon("list"),
  );
  node = el("div", { class: "pins", role: "region", "aria-label": t("pins.title") }, this.#latest, this.#all);

  /** @param {Bihak} bihak @param {(messageId: number) => void} onShow */
  constructor(bihak, onShow) {
    this.#bihak = bihak;
    this.#onShow = onShow;
    this.node.hidden = true;
    const off = [
      bihak.on("event", (frame) => {
        if (CHANGES.has(frame.type) && frame.conversation_id === this.#conversationId) this.#changed(frame);
      }),
      bihak.on("ready", () => void this.#load()),
    ];
    this.#off = () => off.forEach((end) => end());
  }

  end() {
    this.#off();
  }

  /** @param {number} conversationId */
  show(conversationId) {
    if (this.#conversationId === conversationId) return;
    this.#conversationId = conversationId;
    this.#render([]);
    void this.#load();
  }

  /** @param {Frame} frame */
  #changed({ type, message_id }) {
    if (type === "message_pinned" || this.#messages.some((message) => message.message_id === message_id)) void this.#load();
  }

  async #load() {
    const id = this.#conversationId;
    if (id === null) return;
    try {
      const { messages } = await this.#bihak.request("pins", { conversation_id: id });
      if (this.#conversationId === id) this.#render(messages);
    } catch {
      // Asked for again when the connection is back.
    }
  }

  /** @param {Message[]} messages */
  #render(messages) {
    this.#messages = messages;
    const [latest] = messages;
    this.node.hidden = !latest;
    if (!latest) return;
    this.#all.hidden = messages.length < 2;
    fill(
      this.#latest,
      icon("pin"),
      el(
        "span",
        { class: "pins-words" },
        el("span", { class: "pins-title" }, t("pins.count", { count: messages.length })),
        el("span", { class: "pins-text", dir: "auto" }, latest.content),
      ),
    );
  }

  #list() {
    void withModule(later.popup, ({ openPopup }) => this.#openList(openPopup), () => this.#onShow(this.#messages[0].message_id));
  }

  /** @param {typeof import("./popup.js").openPopup} openPopup */
  #openList(openPopup) {
    const show = (/** @type {Message} */ { message_id }) => {
      popup.close();
      this.#onShow(message_id);
    };
    const node = el(
      "div",
      { class: "pins-list", role: "dialog", "aria-label": t("pins.title") },
      ...this.#messages.map((message, at) =>
        el(
          "button",
          { class: "pins-item", type: "button", autofocus: at === 0, onclick: () => show(message) },
          el("span", { class: "pins-title" }, el("bdi", {}, message.sender_name)),
          el("span", { class: "pins-text", dir: "auto" }, message.content),
        ),
      ),
    );
    const popup = openPopup(this.node, this.#all, node);
  }
}
