/** The second screen: the list of conversations beside the one that is open, or one of the two on a phone. */

import { el, fill } from "./dom.js";
import { Openings, later, loadAll, rest } from "./later.js";
import { Pane } from "./pane.js";
import { currentRoute } from "./route.js";
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
 * @property {() => void} [loaded]  all that somebody may open is here, too
 */

/**
 * @typedef {Object} Context  what every view of one screen needs
 * @property {Bihak} bihak
 * @property {Store} store
 * @property {Element} host  where dialogs are put
 * @property {(place: Place) => void} navigate
 */

/** @typedef {ReturnType<Chat["windows"]>} Windows */
/**
 * @typedef {Object} Built
 * @property {Context} context
 * @property {HTMLElement} panes
 * @property {Sidebar} sidebar
 * @property {Pane} pane
 * @property {Windows} windows
 * @property {{end: () => void}[]} ends
 */

const CLOCK_EVERY_MS = 30_000;
/** There may be no first picture, and that must be said. */
const PICTURE_WITHIN_MS = 1_000;
/** After the first picture, and before a click. */
const LATER_MS = 1_500;

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
  /** @type {import("./later.js").Rest | null} */
  #rest = null;
  #isCompleting = false;
  #isOver = false;
  #openings = new Openings();
  #waiting = setTimeout(() => void this.#complete(), PICTURE_WITHIN_MS);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #later;

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
    clearTimeout(this.#waiting);
    clearTimeout(this.#later);
    this.#isOver = true;
    this.#openings.cancel();
    for (const part of this.#built.ends) part.end();
  }

  #show() {
    const { state } = this.#store;
    this.#built.panes.classList.toggle("has-open", this.#route.conversationId !== null);
    this.#built.sidebar.render(this.#route);
    this.#built.pane.render(this.#route);
    const open = state.find(this.#route.conversationId);
    this.#options.told?.({ title: open ? state.titleOf(open) : null, unread: this.#store.unread });
    const isPainted = this.#store.loaded && (!open || state.timeline(open.conversation_id).loaded);
    // A task of its own: what is on the page now is painted first.
    if (isPainted && !this.#isCompleting) requestAnimationFrame(() => setTimeout(() => void this.#complete()));
  }

  /** The conversations are on the screen, and what they do without so far comes. */
  async #complete() {
    clearTimeout(this.#waiting);
    if (this.#isCompleting || this.#isOver) return;
    this.#isCompleting = true;
    try {
      this.#rest = await rest();
    } catch {
      this.#isCompleting = false;
      this.#waiting = setTimeout(() => void this.#complete(), LATER_MS);
      return;
    }
    if (this.#isOver) return;
    this.#completeWith(this.#rest);
    this.#later = setTimeout(() => void this.#prepare(), LATER_MS);
  }

  /** @param {import("./later.js").Rest} rest */
  #completeWith(rest) {
    const { context, panes, sidebar, pane, windows, ends } = this.#built;
    const line = rest.connectionLine(this.#bihak);
    const { creation, help } = windows;
    const shortcuts = new rest.Shortcuts(context, { sidebar, pane, creation, help });
    panes.before(line.node);
    shortcuts.listen();
    sidebar.complete(rest);
    pane.complete(rest);
    ends.push(line, shortcuts);
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
    const windows = this.windows(context);
    const sidebar = new Sidebar(context, windows);
    const around = { navigate: context.navigate, onDetails: windows.details };
    const pane = new Pane(this.#bihak, this.#store, { ...around, frame: this.#options.embedded ? "section" : "main" });
    const panes = el("div", { class: "chat-panes" }, sidebar.node, pane.node);
    sidebar.node.prepend(skipLink(pane));
    if (this.#options.embedded) frame.addEventListener("click", (event) => this.#follow(event));
    fill(frame, panes);
    fill(this.#root, frame);
    return { context, panes, sidebar, pane, windows, ends: [sidebar, pane] };
  }

  /** What somebody may open over the panes. @param {Context} context */
  windows(context) {
    const { leaveWord } = this.#options;
    const own = { leaveWord, onLanguage: () => this.#rebuild() };
    /** @type {<T>(load: () => Promise<T>, open: (module: T) => void) => () => void} */
    const opener = (load, open) => () =>
      void this.#openings.open(load, open, () => this.#built.sidebar.tell(t("error.disconnected")));
    return {
      settings: opener(later.settings, ({ openSettings }) => openSettings(context, own)),
      creation: opener(later.creation, ({ openCreation }) => openCreation(context)),
      notices: opener(later.notices, ({ openNotices }) => openNotices(context)),
      details: opener(later.details, ({ openDetails }) => openDetails(context, this.#route.conversationId)),
      help: opener(later.keyhelp, ({ openHelp }) => openHelp(context.host)),
    };
  }

  async #prepare() {
    if (this.#bihak.state.state === "ready" && navigator.onLine) {
      await loadAll();
      this.#built.pane.loaded();
      this.#options.loaded?.();
    } else this.#later = setTimeout(() => void this.#prepare(), LATER_MS);
  }

  /** In another language every word is another one. */
  #rebuild() {
    for (const part of this.#built.ends) part.end();
    this.#built = this.#build();
    if (this.#rest) this.#completeWith(this.#rest);
    this.#show();
    this.#built.windows.settings();
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
