/** Choosing an emoji: those used lately, a small choice, a search, and any other that is typed. */

import { el, fill, focused } from "./dom.js";
import { asEmoji, findEmoji } from "./emoji.js";
import { openPopup } from "./popup.js";
import { recentEmoji, usedEmoji } from "./recent.js";
import { t } from "./words.js";

/** As many as the style sheet puts side by side. */
const COLUMNS = 8;

/**
 * @param {Element} host @param {Element} anchor
 * @param {{onChoose: (emoji: string) => void, onClose?: () => void}} options
 */
export function openEmojiPicker(host, anchor, { onChoose, onClose }) {
  const choose = (/** @type {string} */ emoji) => {
    usedEmoji(emoji);
    popup.close();
    onChoose(emoji);
  };
  const found = el("div", { class: "emoji-found" });
  const search = el("input", {
    class: "emoji-search",
    type: "search",
    autofocus: true,
    autocomplete: "off",
    "aria-label": t("emoji.search"),
    placeholder: t("emoji.search"),
    oninput: () => show(found, search.value, choose),
    onkeydown: (event) => {
      if (event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      buttons(found)[0]?.click();
    },
  });
  /** @type {HTMLElement} */
  const node = el(
    "div",
    { class: "emoji-picker", role: "dialog", "aria-label": t("emoji.title"), onkeydown: (event) => steer(node, event) },
    search,
    found,
  );
  show(found, "", choose);
  const popup = openPopup(host, anchor, node, { onClose });
}

/** @param {HTMLElement} found @param {string} query @param {(emoji: string) => void} choose */
function show(found, query, choose) {
  const typed = asEmoji(query);
  const fitting = typed ? [typed] : findEmoji(query);
  const recent = query ? [] : recentEmoji();
  const grid = (/** @type {string[]} */ emoji) =>
    el("div", { class: "emoji-grid" }, ...emoji.map((one) => emojiButton(one, choose)));
  fill(
    found,
    recent.length > 0 ? el("h3", { class: "popup-title" }, t("emoji.recent")) : null,
    recent.length > 0 ? grid(recent) : null,
    recent.length > 0 ? el("h3", { class: "popup-title" }, t("emoji.more")) : null,
    fitting.length > 0 ? grid(fitting) : el("p", { class: "popup-none", role: "status" }, t("emoji.none")),
  );
}

/** @param {string} emoji @param {(emoji: string) => void} choose */
function emojiButton(emoji, choose) {
  return el("button", { class: "emoji", type: "button", tabindex: -1, onclick: () => choose(emoji) }, emoji);
}

/** @param {HTMLElement} node @returns {HTMLElement[]} */
const buttons = (node) => [...node.querySelectorAll("button")];

const STEPS = /** @type {Record<string, number>} */ ({
  ArrowRight: 1,
  ArrowLeft: -1,
  ArrowDown: COLUMNS,
  ArrowUp: -COLUMNS,
});

/** The arrow keys go from the search into the grid, and back over its top. @param {HTMLElement} node @param {KeyboardEvent} event */
function steer(node, event) {
  const all = buttons(node);
  const search = /** @type {HTMLInputElement} */ (node.querySelector("input"));
  const at = all.indexOf(/** @type {HTMLElement} */ (focused(node)));
  const step = Object.hasOwn(STEPS, event.key) ? STEPS[event.key] : 0;
  if (at < 0) {
    if (event.key !== "ArrowDown" || !all[0]) return;
    event.preventDefault();
    all[0].focus();
  } else if (step !== 0) {
    event.preventDefault();
    if (at + step < 0) search.focus();
    else all[Math.min(at + step, all.length - 1)].focus();
  } else if (event.key.length === 1 && event.key !== " ") search.focus();
}
