/** A question before something that cannot be undone, beside what it is about. */

import { el } from "./dom.js";
import { openPopup } from "./popup.js";

/**
 * @param {Element} host @param {Element} anchor
 * @param {{text: string, no: string, yes: string, answered: (yes: boolean) => void}} question
 */
export function ask(host, anchor, { text, no, yes, answered }) {
  const answer = (/** @type {boolean} */ isYes) => () => {
    popup.close();
    answered(isYes);
  };
  const node = el(
    "div",
    { class: "question", role: "alertdialog", "aria-label": text },
    el("p", {}, text),
    el(
      "div",
      { class: "question-answers" },
      el("button", { class: "button button-plain", type: "button", autofocus: true, onclick: answer(false) }, no),
      el("button", { class: "button button-danger", type: "button", onclick: answer(true) }, yes),
    ),
  );
  const popup = openPopup(host, anchor, node);
}
