/** The way back to the newest message, and how much has been said there meanwhile. */

import { el, fill } from "./dom.js";
import { icon } from "./icon.js";
import { number, t } from "./words.js";

export class Jump {
  node;

  /** @param {() => void} onJump */
  constructor(onJump) {
    this.node = el("button", { class: "jump", type: "button", onclick: onJump });
    this.node.hidden = true;
  }

  /** @param {boolean} isShown @param {number} unread */
  show(isShown, unread) {
    this.node.hidden = !isShown;
    if (this.node.dataset.shown === String(unread)) return;
    this.node.dataset.shown = String(unread);
    const label = unread > 0 ? t("log.new", { count: unread }) : t("log.latest");
    this.node.setAttribute("aria-label", label);
    this.node.title = label;
    fill(this.node, unread > 0 ? el("span", { class: "badge" }, number(unread)) : null, icon("down"));
  }
}
