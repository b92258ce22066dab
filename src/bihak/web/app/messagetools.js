/** What opens around a message: its toolbar, its menu, the emoji, the details, the editor, the question before deleting. */

import { Deeds } from "./deeds.js";
import { Openings, later } from "./later.js";
import { rowOf } from "./rowfocus.js";
import { toolbar } from "./toolbar.js";
import { t } from "./words.js";

/** @typedef {import("./editor.js").Editor} Editor */
/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/wire.js").Message} Message */
/** @typedef {import("./store.js").Store} Store */

/**
 * @typedef {Object} Around
 * @property {(message: Message) => void} reply
 * @property {(words: string) => void} tell
 * @property {() => void} write
 * @property {(row: HTMLElement | null) => Message | undefined} find  one that is stored and not deleted
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
  /** While something is on its way, what is typed is not meant for the message. */
  #openings = new Openings();
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
    list.addEventListener("pointerover", ({ target }) => this.equip(target));
    list.addEventListener("focusin", ({ target }) => this.equip(target));
  }

  /** The conversation is another one. */
  leave() {
    this.#openings.cancel();
    this.editor = null;
    this.#equipped.clear();
  }

  /** @param {HTMLElement} row @param {string} key @returns {boolean} whether it means something there */
  act(row, key) {
    if (OPENS_MENU.has(key)) return this.#openings.isUnderWay || this.open(row);
    const message = this.#around.find(row);
    const item = message && this.deeds.items(message).find((each) => each.key?.toLowerCase() === key.toLowerCase());
    if (!this.#openings.isUnderWay) item?.act();
    return item !== undefined;
  }

  /**
   * @param {Message} message
   * @param {{back?: () => void, isWanted?: () => boolean}} [how]  `back`: where the focus goes afterwards, else to the
   *   message; `isWanted`: still, once the editor is here
   */
  edit(message, { back = () => this.#rowOf(message)?.focus({ preventScroll: true }), isWanted = () => true } = {}) {
    void this.#with(later.editor, ({ Editor }) => {
      if (!isWanted()) return;
      // What is written in one that is open already must not be lost to a second one.
      if (this.editor?.messageId === message.message_id) return this.editor.focus();
      // It may have been changed elsewhere since.
      const now = this.#around.find(this.#rowOf(message)) ?? message;
      this.editor = new Editor(this.#bihak, now, {
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
    });
  }

  /**
   * @template T
   * @param {() => Promise<T>} load @param {(module: T) => void} use  called if this conversation is still the one shown
   */
  #with(load, use) {
    const { opened } = this.#store;
    const still = (/** @type {T} */ module) => {
      if (this.#store.opened === opened) use(module);
    };
    return this.#openings.open(load, still, () => this.#around.tell(t("error.disconnected")));
  }

  /** Its inside was made anew. @param {HTMLElement} row */
  equipAgain(row) {
    if (this.#equipped.has(row)) this.equip(row);
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

  /** Gives the message a toolbar. @param {EventTarget | null} target  something in it */
  equip(target) {
    const row = rowOf(target);
    const message = this.#around.find(row);
    const place = row?.querySelector(".bubble-row");
    if (!row || !message || !place || place.querySelector(".toolbar")) return;
    for (const other of this.#equipped) {
      if (other === row || other.matches(":focus-within")) continue;
      other.querySelector(".toolbar")?.remove();
      this.#equipped.delete(other);
    }
    const again = (/** @type {(message: Message) => void} */ act) => () => {
      const now = this.#around.find(row);
      if (now) act(now);
    };
    const tools = toolbar({
      react: again((now) => void this.#pickEmoji(now, row.querySelector(".tool-react"))),
      reply: again(this.#around.reply),
      more: again(() => this.open(row, { anchor: row.querySelector(".tool-more") })),
    });
    place.append(tools);
    this.#equipped.add(row);
  }

  /** Its menu. @param {HTMLElement | null} row @param {{anchor?: Element | null, isHeld?: boolean}} [how] @returns {boolean} */
  open(row, { anchor, isHeld } = {}) {
    const message = this.#around.find(row);
    if (!row || !message) return false;
    void this.#with(later.menu, ({ openMenu }) =>
      openMenu(this.#host, anchor?.isConnected ? anchor : this.#anchorOf(message), {
        label: t("action.menu"),
        items: this.deeds.items(message),
        quick: this.deeds.quick(message),
        isHeld,
      }),
    );
    return true;
  }

  /** @param {Message} message @param {Element | null} [anchor] */
  #pickEmoji(message, anchor) {
    return this.#with(later.emoji, ({ openEmojiPicker }) =>
      openEmojiPicker(this.#host, anchor?.isConnected ? anchor : this.#anchorOf(message), {
        onChoose: (emoji) => void this.deeds.toggle(message, emoji),
      }),
    );
  }

  /** @param {Message} message */
  #showDetails(message) {
    const shown = { message, state: this.#store.state, bihak: this.#bihak };
    void this.#with(later.readers, ({ openReaders }) => openReaders(this.#host, this.#anchorOf(message), shown));
  }

  /** @param {Message} message */
  #askDelete(message) {
    const question = { text: t("action.deleteAsk"), no: t("action.keep"), yes: t("action.delete") };
    const answered = (/** @type {boolean} */ yes) => {
      this.#rowOf(message)?.focus({ preventScroll: true });
      if (yes) void this.deeds.delete(message);
    };
    void this.#with(later.question, ({ ask }) => ask(this.#host, this.#anchorOf(message), { ...question, answered }));
  }
}
