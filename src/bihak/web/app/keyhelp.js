/** The page that tells of the keyboard's short ways. */

import { openDialog } from "./dialog.js";
import { el } from "./dom.js";
import { SHORTCUTS } from "./shortcuts.js";
import { t } from "./words.js";

/** @param {Element} host */
export function openHelp(host) {
  const rows = Object.values(SHORTCUTS).map(({ keys, name }) => row(keys, t(name)));
  const more = [
    row(["↑", "↓"], t("keys.move")),
    row(["Enter"], t("keys.send")),
    row(["Shift", "Enter"], t("keys.line")),
    row(["Esc"], t("keys.close")),
  ];
  openDialog(host, { title: t("keys.title"), body: [el("dl", { class: "keys" }, ...rows, ...more)] });
}

/** @param {string[]} keys @param {string} words */
function row(keys, words) {
  const caps = keys.map((key) => el("kbd", {}, key));
  return el("div", {}, el("dt", {}, ...caps), el("dd", {}, words));
}
