/** One stop of the Tab key for a whole list: the arrow keys, Home and End move within it. */

import { focused } from "./dom.js";

const STEPS = /** @type {Record<string, (at: number, last: number) => number>} */ ({
  ArrowDown: (at, last) => Math.min(at + 1, last),
  ArrowUp: (at) => Math.max(at - 1, 0),
  Home: () => 0,
  End: (_, last) => last,
});

/**
 * @param {HTMLElement} list  its links and buttons are the stops
 * @param {{before?: () => void}} [around]  `before` is called when the way up leads out of the list
 * @returns {() => void} to be called whenever its items have changed
 */
export function rove(list, { before } = {}) {
  const items = () => /** @type {HTMLElement[]} */ ([...list.querySelectorAll("a, button")]);

  /** @param {Element | null} [wanted] */
  const settle = (wanted = focused(list)) => {
    const all = items();
    const isStop = (/** @type {HTMLElement} */ item) => item.getAttribute("tabindex") === "0";
    const isCurrent = (/** @type {HTMLElement} */ item) => item.hasAttribute("aria-current");
    const stop = all.find((item) => item === wanted) ?? all.find(isCurrent) ?? all.find(isStop) ?? all[0];
    for (const item of all) item.setAttribute("tabindex", item === stop ? "0" : "-1");
  };

  list.addEventListener("focusin", (event) => settle(/** @type {Element} */ (event.target)));
  list.addEventListener("keydown", (event) => {
    if (!Object.hasOwn(STEPS, event.key) || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = items();
    const at = all.indexOf(/** @type {HTMLElement} */ (focused(list)));
    if (at < 0) return;
    event.preventDefault();
    if (at === 0 && event.key === "ArrowUp" && before) before();
    else all[STEPS[event.key](at, all.length - 1)].focus();
  });
  return () => settle();
}

/** @param {HTMLElement} list */
export const focusFirst = (list) => /** @type {HTMLElement | null} */ (list.querySelector("a, button"))?.focus();
