/** The few things done most, beside the message that is pointed at or has the focus. */

import { el } from "./dom.js";
import { icon } from "./pictures.js";
import { t } from "./words.js";

/** @typedef {{react: () => void, reply: () => void, more: () => void}} Acts */

/** @param {Acts} acts */
export function toolbar({ react, reply, more }) {
  return el(
    "div",
    { class: "toolbar" },
    tool("react", t("action.react"), react),
    tool("reply", t("action.reply"), reply),
    tool("more", t("action.more"), more, { "aria-haspopup": "menu" }),
  );
}

/** @param {"react" | "reply" | "more"} name @param {string} label @param {() => void} act @param {import("./dom.js").Props} [more] */
function tool(name, label, act, more = {}) {
  return el(
    "button",
    { class: `icon-button tool tool-${name}`, type: "button", "aria-label": label, title: label, onclick: act, ...more },
    icon(name),
  );
}
