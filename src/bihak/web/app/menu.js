/** A menu: arrow keys go through it, a letter goes to what begins with it. */

import { el, focused } from "./dom.js";
import { icon } from "./pictures.js";
import { openPopup } from "./popup.js";

/**
 * @typedef {Object} Item
 * @property {string} label
 * @property {Parameters<typeof icon>[0]} icon
 * @property {() => void} act
 * @property {boolean} [isGrave]
 * @property {string} [key]  does the same without the menu
 */

/** @typedef {{emoji: string, label: string, isChosen: boolean, act: () => void}} Quick */

/**
 * @param {Element} host @param {Element} anchor
 * @param {{label: string, items: Item[], quick?: Quick[], isHeld?: boolean}} content
 */
export function openMenu(host, anchor, { label, items, quick = [], isHeld }) {
  const choose = (/** @type {() => void} */ act) => {
    popup.close();
    act();
  };
  /** @type {HTMLElement} */
  const node = el(
    "div",
    { class: "menu", role: "menu", "aria-label": label, onkeydown: (event) => steer(node, event) },
    quick.length > 0 ? el("div", { class: "menu-quick", role: "group" }, ...quick.map((one) => quickItem(one, choose))) : null,
    ...items.map((one) => menuItem(one, choose)),
  );
  const popup = openPopup(host, anchor, node, { isHeld });
  stops(node)[0]?.focus();
}

/** @param {Item} item @param {(act: () => void) => void} choose */
function menuItem(item, choose) {
  const { label, icon: name, act, isGrave, key } = item;
  return el(
    "button",
    {
      class: isGrave ? "menu-item is-grave" : "menu-item",
      type: "button",
      role: "menuitem",
      tabindex: -1,
      "aria-keyshortcuts": key,
      onclick: () => choose(act),
    },
    icon(name),
    el("span", {}, label),
    key ? el("kbd", { "aria-hidden": "true" }, key) : null,
  );
}

/** @param {Quick} quick @param {(act: () => void) => void} choose */
function quickItem({ emoji, label, isChosen, act }, choose) {
  return el(
    "button",
    {
      class: "menu-emoji",
      type: "button",
      role: "menuitemcheckbox",
      "aria-checked": String(isChosen),
      "aria-label": label,
      tabindex: -1,
      onclick: () => choose(act),
    },
    emoji,
  );
}

/** @param {HTMLElement} menu @returns {HTMLElement[]} */
const stops = (menu) => [...menu.querySelectorAll("button")];

const STEPS = /** @type {Record<string, (at: number, count: number) => number>} */ ({
  ArrowDown: (at, count) => (at + 1) % count,
  ArrowRight: (at, count) => (at + 1) % count,
  ArrowUp: (at, count) => (at - 1 + count) % count,
  ArrowLeft: (at, count) => (at - 1 + count) % count,
  Home: () => 0,
  End: (_, count) => count - 1,
});

/** @param {HTMLElement} menu @param {KeyboardEvent} event */
function steer(menu, event) {
  const all = stops(menu);
  const at = all.indexOf(/** @type {HTMLElement} */ (focused(menu)));
  const next = Object.hasOwn(STEPS, event.key) ? all[STEPS[event.key](at, all.length)] : startingWith(all, event.key);
  if (event.key === "Tab") event.preventDefault();
  if (!next) return;
  event.preventDefault();
  next.focus();
}

/** @param {HTMLElement[]} all @param {string} key */
function startingWith(all, key) {
  if (key.length !== 1 || key === " ") return undefined;
  return all.find(({ textContent }) => textContent?.toLocaleLowerCase().startsWith(key.toLocaleLowerCase()));
}
