/** Where the reader is in a list that changes: what is looked at stays where it is, whatever comes above or below. */

const NEAR_BOTTOM_PX = 60;
/** A longer way is faster gone than watched. */
const SMOOTH_WITHIN_SCREENS = 4;

/** @typedef {{node: Element, top: number}} Anchor */

export class Viewport {
  #scroller;
  #list;
  /** @type {Anchor | null} */
  #anchor = null;
  /** Where the reader was when last looked at. */
  #top = 0;
  /** Follows what is added at the end. */
  atBottom = true;

  /** @param {HTMLElement} scroller @param {HTMLElement} list  its children with `data-row` are what one looks at */
  constructor(scroller, list) {
    this.#scroller = scroller;
    this.#list = list;
  }

  get height() {
    return this.#scroller.clientHeight;
  }

  /** Pixels to the start of the list. */
  get above() {
    return this.#scroller.scrollTop;
  }

  /** Pixels to its end. */
  get below() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }

  get isNearBottom() {
    return this.below < NEAR_BOTTOM_PX;
  }

  /** The reader has scrolled, and the event that tells of it is still to come. */
  get hasMoved() {
    return this.#scroller.scrollTop !== this.#top;
  }

  /** The reader has moved. */
  remember() {
    this.#top = this.#scroller.scrollTop;
    this.#anchor = this.#look();
  }

  /** Puts the reader back after the list has changed, by our doing or by its own. */
  restore() {
    if (this.atBottom) this.toBottom();
    else if (this.#anchor?.node.isConnected) {
      const moved = this.#topOf(this.#anchor.node) - this.#anchor.top;
      // Writing the same place again would end a smooth scroll that is under way.
      if (moved !== 0) this.#scroller.scrollTop += moved;
    }
    this.remember();
  }

  /** @param {{smooth?: boolean}} [how]  smooth: if it is not too far to be watched */
  toBottom({ smooth = false } = {}) {
    this.atBottom = true;
    const behavior = smooth && this.below < SMOOTH_WITHIN_SCREENS * this.height ? "smooth" : "instant";
    if (this.below > 0) this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior });
  }

  /** @param {HTMLElement} node @param {number} part  of the screen that is to be above it */
  toNode(node, part) {
    this.atBottom = false;
    this.#scroller.scrollTop += this.#topOf(node) - Math.max(0, (this.height - node.offsetHeight) * part);
    this.remember();
  }

  /** Puts it where it was. @param {HTMLElement} node @param {number} top  pixels from the top of the screen */
  putBack(node, top) {
    this.atBottom = false;
    this.#scroller.scrollTop += this.#topOf(node) - top;
    this.remember();
  }

  /** What `putBack` brings back, also while the list is hidden. @returns {import("./belongings.js").Place | undefined} */
  get place() {
    const messageId = Number(/** @type {HTMLElement | undefined} */ (this.#anchor?.node)?.dataset.row);
    return messageId > 0 && this.#anchor ? { messageId, top: this.#anchor.top } : undefined;
  }

  /** Scrolls no farther than it must. @param {HTMLElement} node */
  reveal(node) {
    const margin = Math.min(48, this.height / 8);
    const top = this.#topOf(node) - margin;
    const bottom = top + node.offsetHeight + 2 * margin - this.height;
    if (top < 0) this.#scroller.scrollTop += top;
    else if (bottom > 0) this.#scroller.scrollTop += Math.min(bottom, top);
  }

  /** @returns {HTMLElement | undefined} the first row on the screen that begins on it, or the one that fills it */
  get first() {
    const rows = /** @type {HTMLElement[]} */ ([...this.#list.children]).filter((node) => node.dataset.row);
    const begins = (/** @type {Element} */ node) => this.#topOf(node) >= 0 && this.#topOf(node) < this.height;
    return rows.find(begins) ?? rows.findLast((node) => this.#topOf(node) < this.height);
  }

  /** @returns {Anchor | null} */
  #look() {
    const node = this.first;
    return node ? { node, top: this.#topOf(node) } : null;
  }

  /** @param {Element} node */
  #topOf(node) {
    return node.getBoundingClientRect().top - this.#scroller.getBoundingClientRect().top;
  }
}
