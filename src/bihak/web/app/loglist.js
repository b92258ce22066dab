/** The rows of the log: drawn from messages, and at hand for what one does with them. */

import { logRow } from "./bubble.js";
import { KeyedChildren, el, fill } from "./dom.js";
import { logRows } from "./rows.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("./logtools.js").LogTools} LogTools */
/** @typedef {import("./messagetools.js").MessageTools} MessageTools */
/** @typedef {import("./rows.js").Row} Row */
/** @typedef {import("./store.js").Store} Store */

/**
 * @typedef {Object} Acts
 * @property {() => boolean} arrives  what is new has just been said, before the reader's eyes
 * @property {(messageId: number) => void} show
 */

export class LogList {
  #bihak;
  #store;
  #acts;
  #rows;
  /** They come when the messages are on the screen. @type {LogTools | null} */
  #tools = null;
  /** What is to be done as soon as they are here. @type {((tools: LogTools) => void)[]} */
  #wishes = [];
  node = el("div", { class: "log-list" });

  /** @param {Bihak} bihak @param {Store} store @param {Acts} acts */
  constructor(bihak, store, acts) {
    this.#bihak = bihak;
    this.#store = store;
    this.#acts = acts;
    this.#rows = this.#freshRows();
  }

  /** @param {LogTools} tools */
  complete(tools) {
    this.#tools = tools;
    for (const wish of this.#wishes.splice(0)) wish(tools);
  }

  /** The conversation is another one. */
  clear() {
    fill(this.node);
    this.node.classList.remove("is-empty");
    this.#rows = this.#freshRows();
    this.#tools?.leave();
    this.#wishes = [];
  }

  /** @param {Omit<import("./rows.js").Shown, "state" | "edited" | "recall">} shown */
  draw(shown) {
    const { state, history } = this.#store;
    const { conversation_id: id } = shown.conversation;
    const edited = this.#tools?.editor?.messageId ?? null;
    const rows = logRows({ ...shown, state, edited, recall: (messageId) => history.recall(id, messageId) });
    this.#tools?.begin();
    this.#rows.show(rows);
    this.node.classList.toggle("is-empty", state.timeline(id).loaded && rows.length === 0);
    this.node.dataset.empty = t("log.empty");
    this.#tools?.settle();
  }

  get isEmpty() {
    return this.#rows.entries().length === 0;
  }

  /** @returns {HTMLElement | undefined} where the new messages begin */
  get divider() {
    return this.#rows.node("unread");
  }

  /** @param {number} messageId @returns {HTMLElement | null} */
  rowOf(messageId) {
    return this.node.querySelector(`[data-row="${messageId}"]`);
  }

  /** @param {(tools: MessageTools) => void} use  called when they are here */
  with(use) {
    if (this.#tools) this.#tools.with(use);
    else this.#wishes.push((tools) => tools.with(use));
  }

  #freshRows() {
    return new KeyedChildren(this.node, (/** @type {Row} */ row, isNew, before) => {
      const node = logRow(row, this.#actions(isNew), before);
      this.#tools?.made(node, before !== undefined);
      return node;
    });
  }

  /** @param {boolean} isNew @returns {import("./bubble.js").Actions} */
  #actions(isNew) {
    return {
      arrives: isNew && this.#acts.arrives(),
      onShow: this.#acts.show,
      onReact: (message, emoji) => this.with(({ deeds }) => void deeds.toggle(message, emoji)),
      onRetry: (key) => this.#bihak.retry(key),
      onDiscard: (key) => this.#bihak.discard(key),
      editor: () => this.#tools?.editor?.node ?? null,
    };
  }
}
