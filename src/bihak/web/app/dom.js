/** Elements from code. Text only ever becomes a text node, so nothing that people write can become markup. */

/** @typedef {Node | string | null | undefined | false} Child */
/** @typedef {{[name: string]: string | number | boolean | null | undefined | ((event: any) => void)}} Props */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Props} [props]  `onclick` and the like are listeners; true and false set or remove an attribute
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") node.toggleAttribute(name, value);
    else if (value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  fill(node, ...children);
  return node;
}

/** @param {Element} node @param {...Child} children  take the place of what it held */
export function fill(node, ...children) {
  node.replaceChildren(...children.filter((child) => child !== null && child !== undefined && child !== false));
}

/** Writes only what differs: an untouched live region stays silent. @param {Element} node @param {string} text */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** For how long a press may keep things as they are. */
const PRESSED_MS = 1000;

/** What is being pressed in a list: replaced or moved now, it would not be clicked. */
export class Press {
  isDown = false;
  #released;

  /** @param {Element} list @param {() => void} released  it may be drawn again */
  constructor(list, released) {
    this.#released = released;
    list.addEventListener("pointerdown", ({ target }) => {
      if (/** @type {Element} */ (target).closest("a, button")) this.#begin();
    });
  }

  #begin() {
    this.isDown = true;
    const over = new AbortController();
    const release = () => {
      over.abort();
      this.isDown = false;
      this.#released();
    };
    const timer = setTimeout(release, PRESSED_MS);
    over.signal.addEventListener("abort", () => clearTimeout(timer));
    // The click comes right after.
    for (const end of ["pointerup", "pointercancel"]) {
      addEventListener(end, () => setTimeout(release), { signal: over.signal });
    }
  }
}

/** @param {string} selector @returns {HTMLElement} */
export function find(selector) {
  const node = document.querySelector(selector);
  if (!(node instanceof HTMLElement)) throw new Error(`index.html has no ${selector}`);
  return node;
}

/**
 * Makes the children of `parent` those that `keys` names, in that order, moving and building as few as possible.
 * @template T
 */
export class KeyedChildren {
  /** @type {Map<string, {node: HTMLElement, print: string}>} */
  #made = new Map();
  #parent;
  #build;

  /** @param {Element} parent @param {(item: T, isNew: boolean, before?: HTMLElement) => HTMLElement} build  may change `before` */
  constructor(parent, build) {
    this.#parent = parent;
    this.#build = build;
  }

  /** @param {{key: string, print: string, item: T}[]} rows  a row is built again only when its print changes */
  show(rows) {
    const before = this.#made;
    this.#made = new Map();
    /** @type {Element | null} */
    let place = this.#parent.firstElementChild;
    for (const { key, print, item } of rows) {
      const known = before.get(key);
      const node = known?.print === print ? known.node : this.#build(item, !known, known?.node);
      if (known && known.node !== node) {
        if (place === known.node) place = node;
        replaceKeepingFocus(known.node, node);
      }
      if (node === place) place = place.nextElementSibling;
      else insertKeepingFocus(this.#parent, node, place);
      this.#made.set(key, { node, print });
      before.delete(key);
    }
    for (const { node } of before.values()) node.remove();
  }

  /** @returns {[string, HTMLElement][]} in the order they are shown */
  entries() {
    return [...this.#made].map(([key, { node }]) => [key, node]);
  }

  /** @param {string} key */
  node(key) {
    return this.#made.get(key)?.node;
  }
}

/** What has the focus around `node`, also where that is in a shadow root. @param {Node} node @returns {Element | null} */
export const focused = (node) => /** @type {Document | ShadowRoot} */ (node.getRootNode()).activeElement ?? null;

/** @param {HTMLElement} before @param {HTMLElement} after */
function replaceKeepingFocus(before, after) {
  const position = focusable(before).indexOf(/** @type {HTMLElement} */ (focused(before)));
  before.replaceWith(after);
  if (position >= 0) focusable(after)[position]?.focus({ preventScroll: true });
}

/** What is moved loses the focus. @param {Element} parent @param {HTMLElement} node @param {Element | null} place */
function insertKeepingFocus(parent, node, place) {
  const had = node.isConnected ? focused(node) : null;
  parent.insertBefore(node, place);
  if (had instanceof HTMLElement && node.contains(had)) had.focus({ preventScroll: true });
}

/** @param {HTMLElement} root @returns {HTMLElement[]} */
const focusable = (root) => [...root.querySelectorAll("a, button")].filter((node) => node instanceof HTMLElement);
