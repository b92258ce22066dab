/** Where a message is written. */

import { el, fill, say } from "./dom.js";
import { icon } from "./pictures.js";
import { senderOf } from "./state.js";
import { TextField } from "./textfield.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("../sdk/wire.js").Conversation} Conversation */
/** @typedef {import("./belongings.js").Drafts} Drafts */
/** @typedef {import("./state.js").State} State */

/** What the server takes, unless it says otherwise. */
const LONGEST = 10_000;
/** From here on it is told how much room is left. */
const TELL_FROM = 500;

export class Composer {
  #bihak;
  #state;
  #drafts;
  #on;
  /** @type {Conversation | null} */
  #conversation = null;
  #quote = el("div", { class: "composer-quote" });
  #room = el("p", { class: "composer-room", "aria-live": "polite" });
  #field;
  #send = el(
    "button",
    { class: "send", type: "submit", "aria-label": t("composer.send"), disabled: true },
    icon("send"),
  );
  #row;
  #readOnly = el("p", { class: "composer-closed" }, t("composer.readOnly"));
  node;

  /**
   * @param {Bihak} bihak @param {State} state @param {Drafts} drafts
   * @param {{sent: () => void, editLast: (isWanted: () => boolean) => boolean}} on  `editLast` says whether there was
   *   one to edit, and does so if that is wanted still
   */
  constructor(bihak, state, drafts, on) {
    this.#bihak = bihak;
    this.#state = state;
    this.#drafts = drafts;
    this.#on = on;
    this.#field = new TextField(
      {
        class: "composer-text",
        "aria-label": t("composer.label"),
        placeholder: t("composer.placeholder"),
        enterkeyhint: "send",
      },
      () => (this.#conversation ? state.othersIn(this.#conversation) : []),
      { written: () => this.#written(), enter: () => this.#submit(), key: (event) => this.#key(event) },
    );
    this.#row = el("div", { class: "composer-row" }, this.#field.input, this.#send);
    this.node = el(
      "form",
      {
        class: "composer",
        onsubmit: (event) => {
          event.preventDefault();
          this.#submit();
        },
      },
      this.#field.list,
      this.#quote,
      this.#row,
      this.#room,
      this.#readOnly,
    );
    this.#quote.hidden = true;
  }

  /** @param {Conversation} conversation */
  show(conversation) {
    const isNew = this.#conversation?.conversation_id !== conversation.conversation_id;
    this.#conversation = conversation;
    const mayWrite = this.#state.mayPost(conversation);
    this.#row.hidden = !mayWrite;
    this.#readOnly.hidden = mayWrite;
    if (!isNew) return;
    this.#field.text = this.#draft.text;
    this.#showQuote();
    this.#measure();
  }

  focus() {
    this.#field.input.focus();
  }

  /** @param {Message} message */
  replyTo(message) {
    const who = this.#state.people.nameOf(senderOf(message));
    this.#keep({ replyTo: { messageId: message.message_id, who, text: message.content } });
    this.#showQuote();
    this.focus();
  }

  #isEmpty = () => this.#field.text === "";

  get #id() {
    return this.#conversation?.conversation_id ?? 0;
  }

  get #draft() {
    return this.#drafts.find(this.#id);
  }

  /** @param {Partial<import("./belongings.js").Draft>} change */
  #keep(change) {
    this.#drafts.keep(this.#id, change);
  }

  #written() {
    const { text } = this.#field;
    this.#keep({ text });
    this.#measure();
    if (text.trim()) this.#bihak.typing(this.#id);
    else this.#bihak.stopTyping(this.#id);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Escape" && this.#draft.replyTo) {
      event.preventDefault();
      event.stopPropagation();
      this.#endReply();
    } else if (event.key === "ArrowUp" && !event.altKey && this.#isEmpty() && this.#on.editLast(this.#isEmpty)) {
      event.preventDefault();
    }
  }

  #submit() {
    const content = this.#field.text.trim();
    if (!content || this.#send.disabled) return;
    const { replyTo } = this.#draft;
    this.#keep({ text: "", replyTo: null });
    this.#field.text = "";
    this.#showQuote();
    this.#measure();
    this.focus();
    this.#bihak.send(this.#id, content, { replyToId: replyTo?.messageId });
    this.#on.sent();
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
    const label = t("composer.endReply");
    fill(
      this.#quote,
      el(
        "div",
        { class: "quote" },
        el("span", { class: "quote-who" }, t("composer.replyingTo", { name: replyTo.who })),
        el("span", { class: "quote-text", dir: "auto" }, replyTo.text),
      ),
      el(
        "button",
        { class: "icon-button", type: "button", "aria-label": label, title: label, onclick: () => this.#endReply() },
        icon("close"),
      ),
    );
  }

  /** Nothing, and more than the server takes, cannot be sent. */
  #measure() {
    const text = this.#field.text.trim();
    const longest = this.#bihak.me?.limits?.max_content_chars ?? LONGEST;
    const left = longest - [...text].length;
    this.#send.disabled = text === "" || left < 0;
    this.#room.hidden = left > TELL_FROM;
    this.#room.classList.toggle("is-over", left < 0);
    say(this.#room, left < 0 ? t("composer.over", { count: -left }) : t("composer.left", { count: left }));
  }
}
