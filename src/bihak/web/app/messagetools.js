/** What opens around a message: its toolbar, its menu, the emoji, the details, the editor, the question before deleting. */

import { Deeds } from "./deeds.js";
import { el } from "./dom.js";
import { Editor } from "./editor.js";
import { openMenu } from "./menu.js";
import { openPopup } from "./popup.js";
import { openReaders } from "./readers.js";
import { toolbar } from "./toolbar.js";
import { onLongPress } from "./touch.js";
import { t } from "./words.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("./store.js").Store} Store */

/**
 * @typedef {Object} Around
 * @property {(message: Message) => void} reply
 * @property {(words: string) => void} tell
 * @property {() => void} write
 * @property {(row: HTMLElement) => Message | undefined} find
 * @property {() => void} changed  the rows are to be drawn again
 */

/** What a key does to the message that has the focus; the menu shows the same. */
const OPENS_MENU = new Set(["Enter", "ContextMenu"]);

export class MessageTools {
  #bihak;
  #store;
  #list;
  #around;
  /** Rows with a toolbar: the one pointed at, the one with the focus. @type {Set<HTMLElement>} */
  #equipped = new Set();
  deeds;
  /** @type {Editor | null} */
  editor = null;

  /** @param {Bihak} bihak @param {Store} store @param {HTMLElement} list @param {Around} around */
  constructor(bihak, store, list, around) {
    this.#bihak = bihak;
    this.#store = store;
    this.#list = list;
    this.#around = around;
    this.deeds = new Deeds(bihak, store.state, {
      reply: around.reply,
      edit: (message) => this.edit(message),
      pickEmoji: (message) => void this.#pickEmoji(message),
      showDetails: (message) => this.#showDetails(message),
      askDelete: (message) => this.#askDelete(message),
      tell: around.tell,
      changed: around.changed,
    });
    const equip = (/** @type {Event} */ event) => this.#equip(rowOf(event.target));
    list.addEventListener("pointerover", equip);
    list.addEventListener("focusin", equip);
    list.addEventListener("click", (event) => this.#touched(event));
    onLongPress(list, (target) => this.#open(rowOf(target), { isHeld: true }));
  }

  /** The conversation is another one. */
  leave() {
    this.editor = null;
    this.#equipped.clear();
  }

  /** @param {HTMLElement} row @param {string} key @returns {boolean} whether it means something there */
  act(row, key) {
    if (OPENS_MENU.has(key)) return this.#open(row);
    const message = this.#messageIn(row);
    const item = message && this.deeds.items(message).find((each) => each.key?.toLowerCase() === key.toLowerCase());
    item?.act();
    return item !== undefined;
  }

  /** @param {Message} message @param {() => void} [back]  where the focus goes afterwards; else to the message */
  edit(message, back = () => this.#rowOf(message)?.focus({ preventScroll: true })) {
    this.editor = new Editor(this.#bihak, message, {
      people: () => {
        const conversation = this.#store.state.find(message.conversation_id);
        return conversation ? this.#store.state.othersIn(conversation) : [];
      },
      onEnd: () => {
        this.editor = null;
        this.#around.changed();
        back();
      },
    });
    this.#around.changed();
    this.editor.focus();
    this.editor.node.scrollIntoView({ block: "nearest" });
  }

  /** Its inside was made anew. @param {HTMLElement} row */
  equipAgain(row) {
    if (this.#equipped.delete(row)) this.#equip(row);
  }

  /** @param {HTMLElement | null} row @returns {Message | undefined} one that is stored and not deleted */
  #messageIn(row) {
    const message = row ? this.#around.find(row) : undefined;
    return message?.deleted_at ? undefined : message;
  }

  /** @param {Message} message @returns {HTMLElement | null} */
  #rowOf({ message_id }) {
    return this.#list.querySelector(`[data-row="${message_id}"]`);
  }

  /** @param {Message} message */
  #anchorOf(message) {
    const row = this.#rowOf(message);
    return row?.querySelector(".bubble") ?? row ?? this.#list;
  }

  /** In the same tree and style, but not where rows come and go. */
  get #host() {
    return /** @type {Element} */ (this.#list.closest(".pane") ?? this.#list.parentElement);
  }

  /** @param {HTMLElement | null} row */
  #equip(row) {
    const message = this.#messageIn(row);
    const place = row?.querySelector(".bubble-row");
    if (!row || !message || !place || place.querySelector(".toolbar")) return;
    for (const other of this.#equipped) {
      if (other === row || other.matches(":focus-within")) continue;
      other.querySelector(".toolbar")?.remove();
      this.#equipped.delete(other);
    }
    const again = (/** @type {(message: Message) => void} */ act) => () => {
      const now = this.#messageIn(row);
      if (now) act(now);
    };
    const tools = toolbar({
      react: again((now) => void this.#pickEmoji(now, row.querySelector(".tool-react"))),
      reply: again(this.#around.reply),
      more: again(() => this.#open(row, { anchor: row.querySelector(".tool-more") })),
    });
    place.append(tools);
    this.#equipped.add(row);
  }

  /** A finger has no pointer to hover with: a touch takes the focus, and with it the toolbar. @param {MouseEvent} event */
  #touched(event) {
    const isTouch = /** @type {PointerEvent} */ (event).pointerType === "touch";
    const target = /** @type {Element} */ (event.target);
    if (isTouch && !target.closest("a, button, textarea")) rowOf(target)?.focus({ preventScroll: true });
  }

  /** @param {HTMLElement | null} row @param {{anchor?: Element | null, isHeld?: boolean}} [how] @returns {boolean} */
  #open(row, { anchor, isHeld } = {}) {
    const message = this.#messageIn(row);
    if (!row || !message) return false;
    openMenu(this.#host, anchor ?? this.#anchorOf(message), {
      label: t("action.menu"),
      items: this.deeds.items(message),
      quick: this.deeds.quick(message),
      isHeld,
    });
    return true;
  }

  /** Not part of the first load: few react before they read. @param {Message} message @param {Element | null} [anchor] */
  async #pickEmoji(message, anchor) {
    const { openEmojiPicker } = await import("./emojipicker.js");
    openEmojiPicker(this.#host, anchor?.isConnected ? anchor : this.#anchorOf(message), {
      onChoose: (emoji) => void this.deeds.toggle(message, emoji),
    });
  }

  /** @param {Message} message */
  #showDetails(message) {
    openReaders(this.#host, this.#anchorOf(message), { message, state: this.#store.state, bihak: this.#bihak });
  }

  /** @param {Message} message */
  #askDelete(message) {
    const act = (/** @type {boolean} */ yes) => {
      popup.close();
      this.#rowOf(message)?.focus({ preventScroll: true });
      if (yes) void this.deeds.delete(message);
    };
    const node = el(
      "div",
      { class: "question", role: "alertdialog", "aria-label": t("action.deleteAsk") },
      el("p", {}, t("action.deleteAsk")),
      el(
        "div",
        { class: "question-answers" },
        el("button", { class: "button button-plain", type: "button", autofocus: true, onclick: () => act(false) }, t("action.keep")),
        el("button", { class: "button button-danger", type: "button", onclick: () => act(true) }, t("action.delete")),
      ),
    );
    const popup = openPopup(this.#host, this.#anchorOf(message), node);
  }
}

/** @param {EventTarget | null} target @returns {HTMLElement | null} */
const rowOf = (target) => /** @type {Element} */ (target).closest("[data-row]");
