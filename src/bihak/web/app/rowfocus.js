/**
 * The keyboard in the log: one stop of the Tab key for all messages, arrow keys from one to the next, a letter for each
 * deed. What is inside a message is reached by Tab, in the one that has the focus.
 */

import { focused } from "./dom.js";

/** @typedef {import("./viewport.js").Viewport} Viewport */

/**
 * @typedef {Object} Keys
 * @property {() => void} out  the reader wants to write
 * @property {() => void} toEnd
 * @property {(row: HTMLElement, key: string) => boolean} act  whether the key meant something there
 */

export class RowFocus {
  #list;
  #viewport;
  #keys;
  /** @type {HTMLElement | null} */
  #current = null;
  #hadFocus = false;
  /** Somebody is among the messages; else the stop is the newest one. */
  #isChosen = false;

  /** @param {HTMLElement} list @param {Viewport} viewport @param {Keys} keys */
  constructor(list, viewport, keys) {
    this.#list = list;
    this.#viewport = viewport;
    this.#keys = keys;
    list.addEventListener("focusin", (event) => this.#entered(/** @type {Element} */ (event.target)));
    list.addEventListener("focusout", (event) => this.#left(/** @type {Node | null} */ (event.relatedTarget)));
    list.addEventListener("keydown", (event) => this.#key(event));
  }

  /** To be called before rows change. */
  begin() {
    this.#hadFocus = this.#list.contains(focused(this.#list));
  }

  /** To be called whenever rows have changed. */
  settle() {
    const rows = this.#rows;
    const isThere = this.#isChosen && this.#current && rows.includes(this.#current);
    const current = isThere ? this.#current : (rows.at(-1) ?? null);
    this.#become(current);
    // The row that had the focus is out of the page, far from where the reader has scrolled to.
    if (this.#hadFocus && !this.#list.contains(focused(this.#list)))
      (this.#viewport.first ?? current)?.focus({ preventScroll: true });
  }

  /** @param {HTMLElement | undefined} row */
  focus(row) {
    if (!row) return;
    row.focus({ preventScroll: true });
    this.#viewport.reveal(row);
  }

  /** To the newest one here. */
  toLast() {
    this.focus(this.#rows.at(-1));
  }

  /** @returns {HTMLElement[]} */
  get #rows() {
    return /** @type {HTMLElement[]} */ ([...this.#list.children]).filter((node) => node.dataset.row);
  }

  /** @param {Element} target */
  #entered(target) {
    const row = rowOf(target);
    if (!row) return;
    this.#isChosen = true;
    this.#become(row);
  }

  /** @param {Node | null} to  null also while a row is made anew, or the window loses the focus */
  #left(to) {
    if (!to || this.#list.contains(to)) return;
    this.#isChosen = false;
    this.#become(this.#rows.at(-1) ?? null);
  }

  /** @param {HTMLElement | null} row */
  #become(row) {
    if (this.#current && this.#current !== row) makeStop(this.#current, false);
    this.#current = row;
    if (row) makeStop(row, true);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {HTMLElement} */ (event.target);
    const row = rowOf(target);
    if (!row) return;
    if (this.#move(row, event.key) || (this.#isFree(target, event.key) && this.#keys.act(row, keyOf(event)))) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  /** Enter and Space belong to a button that has the focus. @param {HTMLElement} target @param {string} key */
  #isFree(target, key) {
    return target.dataset.row !== undefined || (key !== "Enter" && key !== " ");
  }

  /** @param {HTMLElement} row @param {string} key */
  #move(row, key) {
    const rows = this.#rows;
    const at = rows.indexOf(row);
    if (key === "ArrowUp") this.focus(rows[at - 1]);
    else if (key === "ArrowDown" && rows[at + 1]) this.focus(rows[at + 1]);
    else if (key === "ArrowDown" || key === "Escape") this.#keys.out();
    else if (key === "PageUp") this.focus(this.#aScreenAway(rows, at, -1));
    else if (key === "PageDown") this.focus(this.#aScreenAway(rows, at, 1));
    else if (key === "Home") this.focus(rows[0]);
    else if (key === "End") this.#keys.toEnd();
    else return false;
    return true;
  }

  /** @param {HTMLElement[]} rows @param {number} at @param {1 | -1} step */
  #aScreenAway(rows, at, step) {
    const from = rows[at].offsetTop;
    let to = at + step;
    while (rows[to + step] && Math.abs(rows[to].offsetTop - from) < this.#viewport.height * 0.8) to += step;
    return rows[to];
  }
}

/** @param {EventTarget | null} target @returns {HTMLElement | null} the message it is in */
export const rowOf = (target) => /** @type {Element} */ (target).closest("[data-row]");

/** @param {KeyboardEvent} event */
const keyOf = ({ key, shiftKey }) => (key === "F10" && shiftKey ? "ContextMenu" : key);

/** @param {HTMLElement} row @param {boolean} isStop */
export function makeStop(row, isStop) {
  row.tabIndex = isStop ? 0 : -1;
  // What failed must be found wherever the focus is; what is being edited is all stops.
  for (const inner of row.querySelectorAll("a, button:not(.link-button, .editor *)")) {
    /** @type {HTMLElement} */ (inner).tabIndex = isStop ? 0 : -1;
  }
}
