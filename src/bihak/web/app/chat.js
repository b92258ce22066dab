/** The second screen: the list of conversations beside the one that is open, or one of the two on a phone. */

import { connectionLine } from "./connection.js";
import { openDialog } from "./dialog.js";
import { el, fill } from "./dom.js";
import { Pane } from "./pane.js";
import { currentRoute } from "./route.js";
import { Shortcuts } from "./shortcuts.js";
import { Sidebar } from "./sidebar.js";
import { spoken, t } from "./words.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./route.js").Route} Route */
/** @typedef {{conversationId: number | null, messageId?: number | null}} Place */

/**
 * @typedef {Object} Options
 * @property {"signin.switch" | "signin.signOut" | null} leaveWord  what leaving is called; null where one cannot
 * @property {(route: Partial<Route>) => void} navigate  shows another place, by way of `show`
 * @property {boolean} [embedded]  the address is somebody else's: links go to `navigate`
 * @property {(told: {title: string | null, unread: number}) => void} [told]  the open conversation, and what waits
 */

/**
 * @typedef {Object} Context  what every view of one screen needs
 * @property {Bihak} bihak
 * @property {Store} store
 * @property {Element} host  where dialogs are put
 * @property {(place: Place) => void} navigate
 */

/** @typedef {{panes: HTMLElement, sidebar: Sidebar, pane: Pane, settings: () => void, end: () => void}} Built */

const CLOCK_EVERY_MS = 30_000;
const WINDOWS_AFTER_MS = 1_500;

/** What somebody may open: it comes after the first picture, and is there by the time of a click. */
const WINDOWS = {
  settings: () => import("./settings.js"),
  details: () => import("./details.js"),
  creation: () => import("./creation.js"),
  notices: () => import("./noticelist.js"),
};

/**
 * @param {Element} root @param {Bihak} bihak @param {Store} store @param {Options} options
 * @returns {{show: (route: Route) => void, end: () => void}}
 */
export function chat(root, bihak, store, options) {
  const view = new Chat(root, bihak, store, options);
  return { show: (route) => view.show(route), end: () => view.end() };
}

class Chat {
  #root;
  #bihak;
  #store;
  #options;
  /** @type {Route} */
  #route = { as: null, conversationId: null, messageId: null };
  /** @type {Built} */
  #built;
  #render = () => this.#show();
  #clock = setInterval(this.#render, CLOCK_EVERY_MS);
  #later = setTimeout(() => this.#prepare(), WINDOWS_AFTER_MS);

  /** @param {Element} root @param {Bihak} bihak @param {Store} store @param {Options} options */
  constructor(root, bihak, store, options) {
    this.#root = root;
    this.#bihak = bihak;
    this.#store = store;
    this.#options = options;
    this.#built = this.#build();
    store.addEventListener("change", this.#render);
  }

  /** @param {Route} route */
  show(route) {
    const moved = this.#route.conversationId !== route.conversationId;
    this.#route = route;
    if (moved) this.#store.open(route.conversationId);
    this.#show();
    if (route.messageId !== null) this.#built.pane.showMessage(route.messageId);
    else if (moved) this.#built.pane.entered();
  }

  end() {
    this.#store.removeEventListener("change", this.#render);
    clearInterval(this.#clock);
    clearTimeout(this.#later);
    this.#built.end();
  }

  #show() {
    const { state } = this.#store;
    this.#built.panes.classList.toggle("has-open", this.#route.conversationId !== null);
    this.#built.sidebar.render(this.#route);
    this.#built.pane.render(this.#route);
    const open = state.find(this.#route.conversationId);
    this.#options.told?.({ title: open ? state.titleOf(open) : null, unread: this.#store.unread });
  }

  /** @returns {Built} */
  #build() {
    const frame = el("div", { class: "chat", lang: spoken() });
    /** @type {Context} */
    const context = {
      bihak: this.#bihak,
      store: this.#store,
      host: frame,
      navigate: (place) => this.#options.navigate({ as: this.#route.as, ...place }),
    };
    const { leaveWord, embedded } = this.#options;
    /** @type {<T>(load: () => Promise<T>, open: (module: T) => void) => () => Promise<void>} */
    const opener = (load, open) => async () => {
      const module = await load().catch(() => null);
      if (module) open(module);
      else openDialog(frame, { title: t("app.name"), body: [el("p", {}, t("error.disconnected"))] });
    };
    const onLanguage = () => this.#rebuild();
    const settings = opener(WINDOWS.settings, (it) => it.openSettings(context, { leaveWord, onLanguage }));
    const creation = opener(WINDOWS.creation, (it) => it.openCreation(context));
    const notices = opener(WINDOWS.notices, (it) => it.openNotices(context));
    const details = opener(WINDOWS.details, (it) => it.openDetails(context, this.#route.conversationId));
    const sidebar = new Sidebar(context, { settings, creation, notices });
    const around = { navigate: context.navigate, onDetails: details };
    const pane = new Pane(this.#bihak, this.#store, { ...around, frame: embedded ? "section" : "main" });
    const shortcuts = new Shortcuts(context, { sidebar, pane, creation });
    const line = connectionLine(this.#bihak);
    if (embedded) frame.addEventListener("click", (event) => this.#follow(event));
    const panes = el("div", { class: "chat-panes" }, sidebar.node, pane.node);
    sidebar.node.prepend(skipLink(pane));
    fill(frame, line.node, panes);
    fill(this.#root, frame);
    shortcuts.listen();
    const end = () => [shortcuts, line, sidebar, pane].forEach((view) => view.end());
    return { panes, sidebar, pane, settings, end };
  }

  /** Only with a connection: a browser that could not fetch a module once never tries again. */
  #prepare() {
    if (this.#bihak.state.state === "ready" && navigator.onLine) {
      for (const load of Object.values(WINDOWS)) load().catch(() => {});
    } else this.#later = setTimeout(() => this.#prepare(), WINDOWS_AFTER_MS);
  }

  /** In another language every word is another one. */
  #rebuild() {
    this.#built.end();
    this.#built = this.#build();
    this.#show();
    this.#built.settings();
  }

  /** @param {MouseEvent} event */
  #follow(event) {
    const link = /** @type {Element} */ (event.target).closest("a[href^='#']");
    if (!link || event.defaultPrevented) return;
    event.preventDefault();
    this.#options.navigate(currentRoute(link.getAttribute("href") ?? ""));
  }
}

/** @param {Pane} pane */
function skipLink(pane) {
  const skip = (/** @type {Event} */ event) => {
    event.preventDefault();
    pane.focus();
  };
  return el("a", { class: "skip", href: "#conversation", onclick: skip }, t("app.skip"));
}
