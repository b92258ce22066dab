/** Where a message is written. Keeps a draft for each conversation. */

import { el, fill } from "./dom.js";
import { icon } from "./icon.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {{text: string, replyTo: Message | null}} Draft */

export class Composer {
  #bihak;
  /** @type {number | null} */
  #conversationId = null;
  /** @type {Map<number, Draft>} */
  #drafts = new Map();
  #quote = el("div", { class: "composer-quote" });
  #text = el("textarea", {
    class: "composer-text",
    rows: 1,
    "aria-label": "Message",
    placeholder: "Write a message",
    dir: "auto",
    enterkeyhint: "send",
    oninput: () => this.#written(),
    onkeydown: (event) => this.#key(event),
  });
  #send = el("button", { class: "send", type: "submit", "aria-label": "Send", disabled: true }, icon("send"));
  node = el(
    "form",
    {
      class: "composer",
      onsubmit: (event) => {
        event.preventDefault();
        this.#submit();
      },
    },
    this.#quote,
    el("div", { class: "composer-row" }, this.#text, this.#send),
  );

  /** @param {Bihak} bihak */
  constructor(bihak) {
    this.#bihak = bihak;
    this.#quote.hidden = true;
  }

  /** @param {number} conversationId */
  show(conversationId) {
    if (this.#conversationId === conversationId) return;
    this.#conversationId = conversationId;
    this.#text.value = this.#draft.text;
    this.#showQuote();
    this.#fit();
  }

  focus() {
    this.#text.focus();
  }

  /** @param {Message} message */
  replyTo(message) {
    this.#keep({ replyTo: message });
    this.#showQuote();
    this.focus();
  }

  /** @returns {Draft} */
  get #draft() {
    return this.#drafts.get(this.#conversationId ?? 0) ?? { text: "", replyTo: null };
  }

  /** @param {Partial<Draft>} change */
  #keep(change) {
    this.#drafts.set(this.#conversationId ?? 0, { ...this.#draft, ...change });
  }

  #written() {
    this.#keep({ text: this.#text.value });
    this.#fit();
    if (this.#conversationId === null) return;
    if (this.#text.value.trim()) this.#bihak.typing(this.#conversationId);
    else this.#bihak.stopTyping(this.#conversationId);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    // While an input method composes, Enter picks a candidate.
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "Escape" && this.#draft.replyTo) {
      event.preventDefault();
      this.#endReply();
    }
  }

  #submit() {
    const content = this.#text.value.trim();
    if (!content || this.#conversationId === null) return;
    const { replyTo } = this.#draft;
    this.#drafts.delete(this.#conversationId);
    this.#text.value = "";
    this.#showQuote();
    this.#fit();
    this.focus();
    this.#bihak.send(this.#conversationId, content, { replyToId: replyTo?.message_id });
  }

  #endReply() {
    this.#keep({ replyTo: null });
    this.#showQuote();
    this.focus();
  }

  #showQuote() {
    const { replyTo } = this.#draft;
    this.#quote.hidden = !replyTo;
    if (!replyTo) return;
    const label = "Do not reply to this message";
    fill(
      this.#quote,
      el(
        "div",
        { class: "quote" },
        el("span", { class: "quote-who" }, "Replying to ", el("bdi", {}, replyTo.sender_name)),
        el("span", { class: "quote-text", dir: "auto" }, replyTo.content),
      ),
      el(
        "button",
        { class: "icon-button", type: "button", "aria-label": label, title: label, onclick: () => this.#endReply() },
        icon("close"),
      ),
    );
  }

  /** As high as what is written; the style sheet sets the limit. */
  #fit() {
    this.#send.disabled = !this.#text.value.trim();
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }
}
