/** A window over the page, as the browser knows it: it holds the focus, Escape closes it, the focus goes back. */

import { el } from "./dom.js";
import { icon } from "./pictures.js";
import { t } from "./words.js";

/** @typedef {{node: HTMLDialogElement, close: () => void}} Dialog */

let made = 0;

/**
 * Opens one over everything else in `host`, in whatever tree that is.
 * @param {Element} host
 * @param {{title: string, body: (import("./dom.js").Child)[], kind?: string, onClose?: () => void}} content
 * @returns {Dialog}
 */
export function openDialog(host, { title, body, kind = "", onClose }) {
  const titleId = `dialog-${++made}`;
  const label = t("app.close");
  const closed = () => {
    node.remove();
    onClose?.();
  };
  /** @type {HTMLDialogElement} */
  const node = el(
    "dialog",
    { class: `dialog ${kind}`, "aria-labelledby": titleId, onclose: closed, onpointerdown: closeOutside },
    el(
      "header",
      { class: "dialog-head" },
      el("h2", { id: titleId, class: "dialog-title" }, title),
      el(
        "button",
        { class: "icon-button", type: "button", "aria-label": label, title: label, onclick: () => node.close() },
        icon("close"),
      ),
    ),
    el("div", { class: "dialog-body" }, ...body),
  );
  host.append(node);
  node.showModal();
  return { node, close: () => node.close() };
}

/** The dialog itself is hit only where its children are not: on the veil around it. @param {PointerEvent} event */
function closeOutside(event) {
  const dialog = /** @type {HTMLDialogElement} */ (event.currentTarget);
  if (event.target !== dialog) return;
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  const isInside = event.clientX >= left && event.clientX <= right && event.clientY >= top && event.clientY <= bottom;
  if (!isInside) dialog.close();
}

/** A line in a dialog that tells what went wrong, or nothing. @returns {HTMLElement} */
export const problem = () => el("p", { class: "problem", role: "alert" });
