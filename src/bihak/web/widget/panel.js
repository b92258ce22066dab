/** What opens over the page: the web client's own second screen, in a frame that can be closed. */

import { el, fill } from "../app/dom.js";
import { icon } from "../app/pictures.js";
import { t } from "../app/words.js";

/** @typedef {import("../app/route.js").Route} Route */

/** As in widget.css. */
const WHOLE_SCREEN = "(max-width: 480px), (max-height: 420px)";
const LIST = { as: null, conversationId: null, messageId: null };

export class Panel {
  #bihak;
  #store;
  #close;
  #body = el("div", { class: "widget-body" });
  #head = el("header", { class: "widget-head" });
  #wholeScreen = matchMedia(WHOLE_SCREEN);
  #resized = () => this.#fit();
  /** Somebody wants to see it, whatever the browser does. */
  #isWanted = false;
  /** @type {Route} */
  #route = LIST;
  /** @type {Promise<ReturnType<typeof import("../app/chat.js").chat> | null> | null} */
  #view = null;
  node = el("dialog", { class: "widget-panel" }, this.#head, this.#body);

  /** @param {import("../sdk/sdk.js").Bihak} bihak @param {import("../app/store.js").Store} store @param {() => void} close */
  constructor(bihak, store, close) {
    this.#bihak = bihak;
    this.#store = store;
    this.#close = close;
    this.node.addEventListener("keydown", (event) => this.#pressed(event));
    // A phone's way back closes what covers the screen.
    this.node.addEventListener("close", () => this.#isWanted && !this.isOpen && this.#close());
    this.#wholeScreen.addEventListener("change", this.#resized);
  }

  get isOpen() {
    return this.node.open;
  }

  /** @param {{focus: boolean, conversationId?: number | null}} how  null: the list; else where it was, unless told */
  async open({ focus, conversationId }) {
    if (conversationId !== undefined) this.#route = { ...LIST, conversationId };
    this.#isWanted = true;
    this.#title();
    if (!this.isOpen) this.#show();
    const view = await (this.#view ??= this.#build());
    view?.show(this.#route);
    if (focus && this.isOpen) this.#enter();
  }

  close() {
    this.#isWanted = false;
    this.node.close();
    // What arrives now is before nobody's eyes.
    this.#store.attend(false);
  }

  /** @param {number | null} conversationId  null: the list */
  show(conversationId) {
    void this.#go({ ...LIST, conversationId });
  }

  end() {
    this.#isWanted = false;
    this.node.close();
    this.#wholeScreen.removeEventListener("change", this.#resized);
    void this.#view?.then((view) => view?.end());
  }

  /** The views come when somebody wants to see them, not with the page; where they cannot be had, at the next time. */
  async #build() {
    const module = await import("../app/chat.js").catch(() => null);
    if (!module) {
      this.#view = null;
      fill(this.#body, el("p", { class: "results-note", role: "alert" }, t("error.disconnected")));
      return null;
    }
    const navigate = (/** @type {Partial<Route>} */ route) => void this.#go({ ...LIST, ...route });
    return module.chat(this.#body, this.#bihak, this.#store, { leaveWord: null, navigate, embedded: true });
  }

  /** @param {Route} route */
  async #go(route) {
    this.#route = route;
    (await this.#view)?.show(route);
    // The link that was followed is hidden now.
    if (this.isOpen && !this.#focused) this.#enter();
  }

  /** Where it is the whole screen, the page behind it is out of reach; a corner of the page is a part of it. */
  #show() {
    if (this.#wholeScreen.matches) this.node.showModal();
    // `show()` would take the focus from whoever writes on the page.
    else this.node.open = true;
  }

  /** The screen was turned, or the window made wider. */
  #fit() {
    const focused = /** @type {HTMLElement | null} */ (this.#root.activeElement);
    // What is open over it would come to lie below; and whoever writes may have brought up a keyboard, no more.
    if (!this.isOpen || this.#hasOver || focused?.matches("input, textarea")) return;
    this.node.close();
    this.#show();
    focused?.focus({ preventScroll: true });
  }

  get #root() {
    return /** @type {ShadowRoot} */ (this.node.getRootNode());
  }

  get #hasOver() {
    return this.node.querySelector("dialog[open], :popover-open") !== null;
  }

  #title() {
    const title = t("log.label");
    const label = t("app.close");
    const props = { class: "widget-close", type: "button", "aria-label": label, title: label, onclick: this.#close };
    this.node.setAttribute("aria-label", title);
    fill(this.#head, el("span", { class: "widget-title" }, title), el("button", props, icon("close")));
  }

  get #focused() {
    const { activeElement } = this.#root;
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
    if (this.#hasOver) return;
    event.preventDefault();
    this.#close();
  }
}

/** @param {Element} node */
const isShown = (node) => node.checkVisibility({ visibilityProperty: true });
