/** What one does in the log: with the keyboard, with a message, and to get back to the newest one. */

import { el, fill } from "./dom.js";
import { later, withModule } from "./later.js";
import { icon } from "./pictures.js";
import { RowFocus, makeStop, rowOf } from "./rowfocus.js";
import { onLongPress } from "./touch.js";
import { number, t } from "./words.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("./messagetools.js").MessageTools} MessageTools */
/** @typedef {import("./store.js").Store} Store */

/**
 * @typedef {Object} LogEnds
 * @property {() => Promise<void>} toEnd
 * @property {() => void} jump  as `toEnd`, to be watched on the way
 */

export class LogTools {
  #made;
  #list;
  #around;
  #focus;
  /** From the moment on that somebody comes near a message. @type {MessageTools | null} */
  #tools = null;
  /** What was typed on messages before the tools were here. @type {[HTMLElement, string][]} */
  #typed = [];
  /** The way back to the newest message, and how much has been said there meanwhile. */
  jump = el("button", { class: "jump", type: "button", hidden: true });

  /**
   * @param {Bihak} bihak @param {Store} store @param {import("./viewport.js").Viewport} viewport @param {HTMLElement} list
   * @param {import("./messagetools.js").Around & LogEnds} around
   */
  constructor(bihak, store, viewport, list, around) {
    this.#made = { bihak, store };
    this.#list = list;
    this.#around = around;
    this.#focus = new RowFocus(list, viewport, {
      out: around.write,
      toEnd: () => void around.toEnd().then(() => this.#focus.toLast()),
      act: (row, key) => this.#act(row, key),
    });
    this.jump.addEventListener("click", around.jump);
    // Somebody may be there before this; and rows may be made anew before the tools have come.
    const near = () => list.querySelectorAll(":scope > :is(:hover, :focus-within)");
    const equip = () => this.#tools ?? this.with((tools) => near().forEach((row) => tools.equip(row)));
    list.addEventListener("pointerover", equip, { once: true }); // the pointer may be in it already
    for (const type of ["pointerenter", "focusin"]) list.addEventListener(type, equip);
    if (near().length > 0) equip();
    list.addEventListener("click", (event) => this.#touched(event));
    onLongPress(list, rowOf, (row) => this.#held(row));
    for (const row of list.children) if (row instanceof HTMLElement) this.made(row, false);
    this.#focus.settle();
  }

  get editor() {
    return this.#tools?.editor ?? null;
  }

  /** @param {(tools: MessageTools) => void} use  called at once where they are here @param {() => void} [missing] */
  with(use, missing = () => {}) {
    if (this.#tools) return use(this.#tools);
    const { bihak, store } = this.#made;
    const begin = (/** @type {typeof import("./messagetools.js")} */ { MessageTools }) => {
      this.#tools ??= new MessageTools(bihak, store, this.#list, this.#around);
      use(this.#tools);
    };
    void withModule(later.tools, begin, () => {
      missing();
      this.#around.tell(t("error.disconnected"));
    });
  }

  /** To be called before rows change. */
  begin() {
    this.#focus.begin();
  }

  /** To be called whenever rows have changed. */
  settle() {
    this.#focus.settle();
  }

  /** The conversation is another one. */
  leave() {
    this.#tools?.leave();
  }

  /** @param {HTMLElement} row @param {boolean} isKnown  its inside alone was made anew */
  made(row, isKnown) {
    if (row.dataset.row === undefined) return;
    makeStop(row, false);
    if (isKnown) this.#tools?.equipAgain(row);
  }

  /** @param {boolean} isShown @param {number} unread */
  showJump(isShown, unread) {
    const { jump } = this;
    jump.hidden = !isShown;
    if (jump.dataset.shown === String(unread)) return;
    jump.dataset.shown = String(unread);
    const label = unread > 0 ? t("log.new", { count: unread }) : t("log.latest");
    jump.setAttribute("aria-label", label);
    jump.title = label;
    fill(jump, unread > 0 ? el("span", { class: "badge" }, number(unread)) : null, icon("down"));
  }

  /** A finger has no pointer to hover with: a touch takes the focus, and with it the toolbar. @param {MouseEvent} event */
  #touched(event) {
    const isTouch = /** @type {PointerEvent} */ (event).pointerType === "touch";
    const target = /** @type {Element} */ (event.target);
    if (isTouch && !target.closest("a, button, textarea")) rowOf(target)?.focus({ preventScroll: true });
  }

  /** @param {HTMLElement | null} row @returns {boolean} whether it means something there */
  #held(row) {
    if (!this.#around.find(row)) return false;
    this.with((tools) => tools.open(row, { isHeld: true }));
    return true;
  }

  /** @param {HTMLElement} row @param {string} key @returns {boolean} whether it is known to mean something there */
  #act(row, key) {
    if (this.#tools) return this.#tools.act(row, key);
    // The first that means something: what is typed after it is meant for what it opens.
    const act = (/** @type {MessageTools} */ tools) => this.#typed.splice(0).some((typed) => tools.act(...typed));
    this.#typed.push([row, key]);
    this.with(act, () => this.#typed.splice(0));
    return false;
  }
}
