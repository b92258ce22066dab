/** A finger that stays: what the right button is to a mouse. */

const LONG_PRESS_MS = 450;
const STILL_WITHIN_PX = 10;

/**
 * @template T
 * @param {HTMLElement} node
 * @param {(target: Element) => T} find  what the finger is put on: by the time it has stayed, that may be drawn anew
 * @param {(found: T) => boolean} onLong  called once the finger has stayed; whether it meant something there
 */
export function onLongPress(node, find, onLong) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  let [x, y] = [0, 0];
  let isLong = false;
  const end = () => clearTimeout(waiting);
  // The finger that leaves after it has stayed must not press what is below it by then, nor ask for the browser's menu.
  const leave = (/** @type {Event} */ event) => isLong && event.preventDefault();
  node.addEventListener("pointerdown", (event) => {
    isLong = false;
    if (event.pointerType !== "touch" || !event.isPrimary) return;
    [x, y] = [event.clientX, event.clientY];
    const target = /** @type {HTMLElement} */ (event.target);
    const found = find(target);
    // Heard here, for it may be out of the page by then.
    target.addEventListener("touchend", leave, { once: true });
    waiting = setTimeout(() => (isLong = onLong(found)), LONG_PRESS_MS);
  });
  node.addEventListener("pointermove", (event) => {
    if (Math.hypot(event.clientX - x, event.clientY - y) > STILL_WITHIN_PX) end();
  });
  for (const type of ["pointerup", "pointercancel", "pointerleave", "scroll"]) node.addEventListener(type, end);
  node.addEventListener("contextmenu", leave);
}
