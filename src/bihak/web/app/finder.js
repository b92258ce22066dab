/** The field to search with; what is found comes with the first letter. */

import { el } from "./dom.js";
import { icon } from "./icon.js";
import { later, withModule } from "./later.js";
import { focusFirst } from "./roving.js";
import { t } from "./words.js";

/** @typedef {import("./chat.js").Context} Context */
/** @typedef {import("./route.js").Route} Route */

export class Finder {
  #context;
  #told;
  #input = el("input", {
    class: "input",
    type: "search",
    placeholder: t("find.placeholder"),
    "aria-label": t("find.label"),
    autocomplete: "off",
    spellcheck: "false",
    enterkeyhint: "search",
    oninput: () => this.#written(),
    onkeydown: (event) => this.#key(event),
  });
  #said = el("p", { class: "unseen", role: "status" });
  #results = el("div", { class: "results", hidden: true });
  /** @type {import("./findings.js").Findings | null} */
  #findings = null;
  /** @type {Route} */
  #route = { as: null, conversationId: null, messageId: null };
  node = el(
    "search",
    { class: "finder" },
    el("div", { class: "finder-field" }, icon("search"), this.#input),
    this.#said,
    this.#results,
  );

  /** @param {Context} context @param {(isSearching: boolean) => void} told */
  constructor(context, told) {
    this.#context = context;
    this.#told = told;
  }

  end() {
    this.#findings?.end();
  }

  focus() {
    this.#input.focus();
    this.#input.select();
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
      this.#findings ??= new Findings(this.#context, this.#results, this.#said, () => this.focus());
      this.#findings.search(this.#query, this.#route);
    };
    const missing = () => this.#results.replaceChildren(el("p", { class: "results-note" }, t("error.disconnected")));
    void withModule(later.findings, begin, missing);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "ArrowDown") {
      event.preventDefault();
      if (this.#results.hidden) focusFirst(/** @type {HTMLElement} */ (this.node.nextElementSibling));
      else focusFirst(this.#results);
    } else if (event.key === "Escape" && this.#query) {
      event.preventDefault();
      this.#input.value = "";
      this.#written();
    }
  }
}
