/** A finger that stays: what the right button is to a mouse. */

const LONG_PRESS_MS = 450;
const STILL_WITHIN_PX = 10;

/**
 * @param {HTMLElement} node
 * @param {(target: Element) => boolean} onLong  called once the finger has stayed; whether it meant something there
 */
export function onLongPress(node, onLong) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  let [x, y] = [0, 0];
  let isLong = false;
  const end = () => clearTimeout(waiting);
  node.addEventListener("pointerdown", (event) => {
    isLong = false;
    if (event.pointerType !== "touch" || !event.isPrimary) return;
    [x, y] = [event.clientX, event.clientY];
    const target = /** @type {Element} */ (event.target);
    waiting = setTimeout(() => (isLong = onLong(target)), LONG_PRESS_MS);
  });
  node.addEventListener("pointermove", (event) => {
    if (Math.hypot(event.clientX - x, event.clientY - y) > STILL_WITHIN_PX) end();
  });
  for (const type of ["pointerup", "pointercancel", "pointerleave", "scroll"]) node.addEventListener(type, end);
  // The finger that leaves after it has stayed must not press what is below it by then, nor ask for the browser's menu.
  for (const type of ["touchend", "contextmenu"]) node.addEventListener(type, (event) => isLong && event.preventDefault());
}
