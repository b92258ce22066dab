/** The round button in the corner, and how much waits behind it. */

import { el, say } from "../app/dom.js";
import { number, t } from "../app/words.js";

const SVG = "http://www.w3.org/2000/svg";
const STROKE = "M5 5.5h14a1.5 1.5 0 0 1 1.5 1.5v8.5a1.5 1.5 0 0 1-1.5 1.5h-7.5L7 20.5V17H5a1.5 1.5 0 0 1-1.5-1.5V7A1.5 1.5 0 0 1 5 5.5z";
const MOST = 99;

export class Launcher {
  #badge = el("span", { class: "launcher-badge", "aria-hidden": "true", hidden: true });
  /** Read aloud when it changes. Beside the button: what is in one is its name, and no live region. */
  told = el("span", { class: "unseen", role: "status" });
  #unread = 0;
  #opened = false;
  node;

  /** @param {() => void} pressed */
  constructor(pressed) {
    const button = { class: "launcher", type: "button", "aria-expanded": "false", onclick: pressed };
    this.node = el("button", button, picture(), this.#badge);
  }

  /** @param {number} count */
  set unread(count) {
    this.#unread = count;
    this.#show();
  }

  /** @param {boolean} is */
  set opened(is) {
    this.#opened = is;
    this.#show();
  }

  #show() {
    const words = this.#unread > 0 ? t("list.unread", { count: this.#unread }) : "";
    this.node.setAttribute("aria-label", words ? `${t("log.label")}, ${words}` : t("log.label"));
    this.node.setAttribute("aria-expanded", String(this.#opened));
    this.#badge.hidden = this.#unread === 0;
    say(this.#badge, this.#unread > MOST ? `${number(MOST)}+` : number(this.#unread));
    say(this.told, words);
  }
}

function picture() {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("class", "launcher-picture");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", STROKE);
  svg.append(path);
  return svg;
}
