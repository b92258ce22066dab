/** One person's widget: the connection, the bubble, and the panel, in a shadow root at the end of somebody's page. */

import { el } from "../app/dom.js";
import { Store } from "../app/store.js";
import { speak } from "../app/words.js";
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
    const [sheets] = await Promise.all([loadSheets(), speak(this.#options.language), this.#store.restore()]);
    if (this.#ended) return;
    this.#bihak.on("state", ({ state }) => state === "refused" && this.#gone());
    this.#store.addEventListener("change", () => this.#changed());
    this.#bihak.connect();
    if (!this.#store.state.me) await this.#signedIn();
    if (this.#ended) return;
    this.#place(sheets);
    if (this.#options.opened) await this.open(this.#options.open, { focus: false });
  }

  /** @param {Target} [target]  where it was, unless told @param {{focus?: boolean}} [how] */
  async open(target, { focus = true } = {}) {
    if (this.#ended) return;
    this.#launcher.opened = true;
    await this.#panel.open({ focus });
    if (target !== undefined) this.#panel.show(await this.#conversationOf(target));
  }

  close() {
    this.#panel.close();
    this.#launcher.opened = false;
    this.#launcher.node.focus();
  }

  end() {
    this.#ended = true;
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

  /** @param {CSSStyleSheet[]} sheets */
  #place(sheets) {
    const root = this.#host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = sheets;
    const { position = "right", bubble } = this.#options;
    const shown = bubble === "none" ? null : this.#launcher.node;
    root.append(el("div", { class: `widget widget-${position}` }, this.#panel.node, shown));
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

  /** @param {Target} target @returns {Promise<number | null>} */
  async #conversationOf(target) {
    const id = Number(target);
    if (Number.isSafeInteger(id)) return id > 0 ? id : null;
    if (this.#bihak.state.state !== "ready" && !this.#store.state.findDirect(String(target))) await this.#signedIn();
    // Somebody who cannot be written to: the list says more than nothing.
    return this.#store.direct(String(target)).catch(() => null);
  }
}
