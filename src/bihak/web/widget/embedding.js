/** One person's widget: the connection, the bubble, and the panel, in a shadow root at the end of somebody's page. */

import { el } from "../app/dom.js";
import { Store } from "../app/store.js";
import { speak, spokenOn, t } from "../app/words.js";
import { Bihak } from "../sdk/sdk.js";
import { Launcher } from "./launcher.js";
import { credentialsOf, NobodySignedIn } from "./options.js";
import { Panel } from "./panel.js";
import { loadSheets } from "./sheets.js";

/** @typedef {string | number} Target  a user_id, a conversation_id, or an empty text: the list */

const SERVER = new URL("..", import.meta.url).href;

export class Embedding {
  #options;
  #gone;
  #bihak;
  #store;
  #launcher;
  #panel;
  #host = document.createElement("bihak-chat");
  #unread = -1;
  #ended = false;
  /** Somebody has asked for it: then what the page says of a start is of no interest. */
  #asked = false;
  /** @type {() => void} */
  #isPlaced = () => {};
  /** Resolves when it is on the page, or never will be. @type {Promise<void>} */
  #placed = new Promise((resolve) => {
    this.#isPlaced = resolve;
  });
  /** @type {Set<() => void>} */
  #waiting = new Set();

  /**
   * @param {import("./options.js").Options} options
   * @param {() => void} gone  nobody is signed in, or no longer
   */
  constructor(options, gone) {
    this.#options = options;
    this.#gone = gone;
    this.#bihak = new Bihak({ url: options.server ?? SERVER, ...this.#watched(credentialsOf(options)) });
    this.#store = new Store(this.#bihak);
    this.#launcher = new Launcher(() => (this.#panel.isOpen ? this.close() : void this.open(options.open)));
    this.#panel = new Panel(this.#bihak, this.#store, () => this.close());
  }

  /** Shows it as soon as somebody is known to be signed in. */
  async begin() {
    const [sheets] = await Promise.all([loadSheets(), speak(spokenOn(this.#options.language)), this.#store.restore()]);
    if (this.#ended) return;
    this.#bihak.on("state", ({ state }) => state === "refused" && this.#gone());
    this.#store.addEventListener("change", () => this.#changed());
    this.#hint();
    this.#bihak.connect();
    if (!this.#store.state.me) await this.#signedIn();
    if (this.#ended) return;
    this.#place(sheets);
    this.#isPlaced();
    if (this.#options.opened && !this.#asked) await this.open(this.#options.open, { focus: false });
  }

  /** Or will be soon: false once the page has thrown it away. */
  get isThere() {
    return !this.#ended && (!this.#host.shadowRoot || this.#host.isConnected);
  }

  /** @param {Target} [target]  where it was, unless told @param {{focus?: boolean}} [how] */
  async open(target, { focus = true } = {}) {
    this.#asked = true;
    await this.#placed;
    if (this.#ended) return;
    const known = target === undefined ? undefined : this.#known(target);
    const isAway = target !== undefined && known === undefined;
    this.#launcher.opened = true;
    // Not first to where it was: what is shown for a moment would count as read.
    await this.#panel.open({ focus, conversationId: isAway ? null : known });
    if (isAway) this.#panel.show(await this.#conversationWith(String(target)));
  }

  close() {
    this.#panel.close();
    this.#launcher.opened = false;
    this.#launcher.node.focus();
  }

  end() {
    this.#ended = true;
    this.#isPlaced();
    for (const resolve of this.#waiting) resolve();
    this.#panel.end();
    this.#store.end();
    this.#bihak.close();
    this.#host.remove();
  }

  /** @returns {Promise<void>} */
  signOut() {
    return this.#bihak.signOut();
  }

  /** @param {Pick<import("../sdk/contract.js").Options, "token" | "participant" | "userId">} credentials */
  #watched(credentials) {
    const { token } = credentials;
    if (typeof token !== "function") return credentials;
    const watched = async () => {
      try {
        return await token();
      } catch (fault) {
        if (fault instanceof NobodySignedIn) this.#gone();
        throw fault;
      }
    };
    return { ...credentials, token: watched };
  }

  /** Resolves when the server has let us in, or there is no more need. @returns {Promise<void>} */
  #signedIn() {
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
      const off = this.#bihak.on("ready", () => {
        off();
        this.#waiting.delete(resolve);
        resolve();
      });
    });
  }

  /** Tells whoever puts it on a page why nothing is to be seen. */
  #hint() {
    const { server = SERVER, tokenUrl } = this.#options;
    const off = this.#bihak.on("state", ({ state }) => {
      if (state !== "waiting" && state !== "ready") return;
      off();
      const token = tokenUrl ? `, and does ${tokenUrl} answer with a token` : "";
      if (state === "waiting") console.warn(`Bihak: no connection yet. Does ${server} let ${origin} in (ALLOWED_ORIGINS)${token}?`);
    });
  }

  /** @param {CSSStyleSheet[]} sheets */
  #place(sheets) {
    const root = this.#host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = sheets;
    const { position = "right", bubble, colorScheme } = this.#options;
    if (colorScheme) this.#host.style.setProperty("--bihak-color-scheme", colorScheme);
    const launcher = bubble === "none" ? [] : [this.#launcher.node, this.#launcher.told];
    // A landmark of its own, for those who jump from one to the next.
    const props = { class: `widget widget-${position}`, "aria-label": t("log.label") };
    root.append(el("section", props, this.#panel.node, ...launcher));
    document.body.append(this.#host);
    // In the top layer neither a transform nor a z-index of the page reaches it.
    this.#host.popover = "manual";
    this.#host.showPopover();
    this.#changed();
  }

  #changed() {
    const { unread } = this.#store;
    if (unread === this.#unread) return;
    this.#unread = unread;
    this.#launcher.unread = unread;
    document.dispatchEvent(new CustomEvent("bihak:unread", { detail: { unread } }));
  }

  /** @param {Target} target @returns {number | null | undefined} null: the list; undefined: the server has to be asked */
  #known(target) {
    const id = Number(target);
    if (Number.isSafeInteger(id)) return id > 0 ? id : null;
    return this.#store.state.findDirect(String(target))?.conversation_id;
  }

  /** @param {string} userId @returns {Promise<number | null>} */
  async #conversationWith(userId) {
    if (this.#bihak.state.state !== "ready") await this.#signedIn();
    // Somebody who cannot be written to: the list says more than nothing.
    return this.#store.direct(userId).catch(() => null);
  }
}
