/** A small window beside what it belongs to, over everything else: Escape or a touch elsewhere closes it. */

import { focused } from "./dom.js";

/** @typedef {{close: () => void}} Popup */

const GAP_PX = 6;

/**
 * The focus goes into it where something in it has `autofocus`, and back when it is closed by keyboard.
 * @param {Element} host  where it is put, so that it is in the same tree and takes the same style
 * @param {Element} anchor
 * @param {HTMLElement} node
 * @param {{onClose?: () => void, isHeld?: boolean}} [options]  `isHeld`: the finger that opens it is still down
 * @returns {Popup}
 */
export function openPopup(host, anchor, node, { onClose, isHeld = false } = {}) {
  const cameFrom = focused(host);
  node.classList.add("popup");
  // One that the browser closes at a touch elsewhere would be closed when that finger leaves.
  node.setAttribute("popover", isHeld ? "manual" : "auto");
  const touched = (/** @type {Event} */ event) => !event.composedPath().includes(node) && node.hidePopover();
  // What is typed in it is meant for it, not for what is below.
  node.addEventListener("keydown", (event) => event.stopPropagation());
  if (isHeld) document.addEventListener("pointerdown", touched, { capture: true });
  node.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === "open") return;
    resized.disconnect();
    document.removeEventListener("pointerdown", touched, { capture: true });
    node.remove();
    onClose?.();
  });
  // Before it is gone from the page, or nobody could tell that it had the focus.
  node.addEventListener("beforetoggle", (event) => {
    const closes = /** @type {ToggleEvent} */ (event).newState === "closed";
    if (closes && node.contains(focused(host)) && cameFrom instanceof HTMLElement && cameFrom.isConnected)
      cameFrom.focus({ preventScroll: true });
  });
  const resized = new ResizeObserver(() => place(node, anchor));
  host.append(node);
  node.showPopover();
  place(node, anchor);
  resized.observe(node);
  return { close: () => node.isConnected && node.hidePopover() };
}

/**
 * Below the anchor where there is room, else above it, and never beyond the window. On a phone the style sheet puts it
 * at the foot of the screen instead.
 * @param {HTMLElement} node @param {Element} anchor
 */
function place(node, anchor) {
  if (!anchor.isConnected) return;
  const { left, right, top, bottom } = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = node;
  const isEnd = (left + right) / 2 > innerWidth / 2;
  const x = isEnd ? right - width : left;
  const below = bottom + GAP_PX;
  const y = below + height <= innerHeight - GAP_PX ? below : top - GAP_PX - height;
  node.style.left = `${clamp(x, innerWidth - width)}px`;
  node.style.top = `${clamp(y, innerHeight - height)}px`;
}

/** @param {number} wanted @param {number} most */
const clamp = (wanted, most) => Math.max(GAP_PX, Math.min(wanted, most - GAP_PX));
