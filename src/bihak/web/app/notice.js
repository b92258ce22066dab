/** A line that tells of something small, and goes away by itself. */

import { el, say } from "./dom.js";

const STAYS_MS = 5_000;

export class Notice {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #going;
  #words = el("span");
  node = el("div", { class: "notice", role: "status" }, this.#words);

  /** @param {string} words */
  tell(words) {
    clearTimeout(this.#going);
    say(this.#words, words);
    this.node.classList.add("shown");
    this.#going = setTimeout(() => this.end(), STAYS_MS);
  }

  end() {
    clearTimeout(this.#going);
    this.node.classList.remove("shown");
    say(this.#words, "");
  }
}
