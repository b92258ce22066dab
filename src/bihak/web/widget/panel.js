/** What opens over the page: the web client's own second screen, in a frame that can be closed. */

import { el, fill } from "../app/dom.js";
import { icon } from "../app/icon.js";
import { t } from "../app/words.js";

/** @typedef {import("../app/route.js").Route} Route */

const LIST = { as: null, conversationId: null, messageId: null };

export class Panel {
  #bihak;
  #store;
  #close;
  #body = el("div", { class: "widget-body" });
  #head = el("header", { class: "widget-head" });
  /** @type {Route} */
  #route = LIST;
  /** @type {Promise<ReturnType<typeof import("../app/chat.js").chat>> | null} */
  #view = null;
  node = el("section", { class: "widget-panel", role: "dialog", hidden: true }, this.#head, this.#body);

  /** @param {import("../sdk/sdk.js").Bihak} bihak @param {import("../app/store.js").Store} store @param {() => void} close */
  constructor(bihak, store, close) {
    this.#bihak = bihak;
    this.#store = store;
    this.#close = close;
    this.node.addEventListener("keydown", (event) => this.#pressed(event));
  }

  get isOpen() {
    return !this.node.hidden;
  }

  /** @param {{focus: boolean, conversationId?: number | null}} how  null: the list; else where it was, unless told */
  async open({ focus, conversationId }) {
    if (conversationId !== undefined) this.#route = { ...LIST, conversationId };
    this.node.hidden = false;
    this.#title();
    const view = await (this.#view ??= this.#build());
    view.show(this.#route);
    if (focus && this.isOpen) this.#enter();
  }

  close() {
    this.node.hidden = true;
    // What arrives now is before nobody's eyes.
    this.#store.attend(false);
  }

  /** @param {number | null} conversationId  null: the list */
  show(conversationId) {
    void this.#go({ ...LIST, conversationId });
  }

  end() {
    this.node.hidden = true;
    void this.#view?.then((view) => view.end());
  }

  /** The views come when somebody wants to see them, not with the page. */
  async #build() {
    const { chat } = await import("../app/chat.js");
    const navigate = (/** @type {Partial<Route>} */ route) => void this.#go({ ...LIST, ...route });
    return chat(this.#body, this.#bihak, this.#store, { leaveWord: null, navigate, embedded: true });
  }

  /** @param {Route} route */
  async #go(route) {
    this.#route = route;
    (await this.#view)?.show(route);
    // The link that was followed is hidden now.
    if (this.isOpen && !this.#focused) this.#enter();
  }

  #title() {
    const title = t("log.label");
    const label = t("app.close");
    const props = { class: "widget-close", type: "button", "aria-label": label, title: label, onclick: this.#close };
    this.node.setAttribute("aria-label", title);
    fill(this.#head, el("span", { class: "widget-title" }, title), el("button", props, icon("close")));
  }

  get #focused() {
    const { activeElement } = /** @type {ShadowRoot} */ (this.node.getRootNode());
    return activeElement !== null && this.node.contains(activeElement) && isShown(activeElement);
  }

  /** To where one writes, or to the first conversation, or to whatever there is to do. */
  #enter() {
    const find = (/** @type {string} */ wanted) => [...this.node.querySelectorAll(wanted)].find(isShown);
    const first = ["textarea", ".widget-body a[href]", ".widget-body button", "button"].map(find).find(Boolean);
    /** @type {HTMLElement | undefined} */ (first)?.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key !== "Escape" || event.defaultPrevented || event.isComposing) return;
    if (this.node.querySelector("dialog[open], :popover-open")) return;
    event.preventDefault();
    this.#close();
  }
}

/** @param {Element} node */
const isShown = (node) => node.checkVisibility({ visibilityProperty: true });
