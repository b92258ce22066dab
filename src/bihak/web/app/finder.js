/** The search over everything: what is found comes with the first letter. */

import { el } from "./dom.js";
import { later, withModule } from "./later.js";
import { focusFirst } from "./roving.js";
import { t } from "./words.js";

/** @typedef {import("./chat.js").Context} Context */
/** @typedef {import("./route.js").Route} Route */

export class Finder {
  #context;
  #told;
  #node;
  #input;
  #said = el("p", { class: "unseen", role: "status" });
  #results = el("div", { class: "results", hidden: true });
  /** @type {import("./findings.js").Findings | null} */
  #findings = null;
  /** @type {Route} */
  #route = { as: null, conversationId: null, messageId: null };

  /**
   * @param {Context} context @param {HTMLElement} node  what is found comes at its end
   * @param {HTMLInputElement} input @param {(isSearching: boolean) => void} told
   */
  constructor(context, node, input, told) {
    this.#context = context;
    this.#node = node;
    this.#input = input;
    this.#told = told;
    node.append(this.#said, this.#results);
    input.addEventListener("input", () => this.#written());
    input.addEventListener("keydown", (event) => this.#key(event));
    if (this.#query) this.#written();
  }

  end() {
    this.#findings?.end();
  }

  /** @param {Route} route */
  render(route) {
    this.#route = route;
    if (!this.#results.hidden) this.#findings?.show(route);
  }

  get #query() {
    return this.#input.value.trim();
  }

  #written() {
    const isSearching = this.#query !== "";
    this.#results.hidden = !isSearching;
    this.#told(isSearching);
    if (this.#findings) this.#findings.search(this.#query, this.#route);
    else if (isSearching) this.#begin();
  }

  #begin() {
    const begin = (/** @type {typeof import("./findings.js")} */ { Findings }) => {
      this.#findings ??= new Findings(this.#context, this.#results, this.#said, () => this.#input.focus());
      this.#findings.search(this.#query, this.#route);
    };
    const missing = () => this.#results.replaceChildren(el("p", { class: "results-note" }, t("error.disconnected")));
    void withModule(later.findings, begin, missing);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      if (this.#results.hidden) focusFirst(/** @type {HTMLElement} */ (this.#node.nextElementSibling));
      else focusFirst(this.#results);
    } else if (event.key === "Escape" && this.#query) {
      event.preventDefault();
      this.#input.value = "";
      this.#written();
    }
  }
}
