/** One person's stay: their connection, what is known to them, and the screen that shows it. */

import { Bihak } from "../sdk/sdk.js";
import { Alerts } from "./alerts.js";
import { chat } from "./chat.js";
import { correct, currentRoute, go } from "./route.js";
import { Store } from "./store.js";
import { tellTab } from "./tab.js";

/** @typedef {import("./route.js").Route} Route */

export class Session {
  #bihak;
  #store;
  #view;
  #alerts;
  /** Whose it is; with a token only the server knows at first. @type {string} */
  as;

  /**
   * @param {HTMLElement} root
   * @param {{as: string, token: string | null, refused: (why?: string) => void}} options
   */
  constructor(root, { as, token, refused }) {
    this.as = as;
    this.#bihak = new Bihak({
      url: new URL(".", location.href).href,
      ...(token === null ? { participant: identityOf(as) } : { token }),
    });
    this.#store = new Store(this.#bihak);
    const leaveWord = token === null ? "signin.switch" : "signin.signOut";
    this.#view = chat(root, this.#bihak, this.#store, { leaveWord, navigate: go, told: tellTab });
    this.#alerts = new Alerts(this.#bihak, this.#store, (place) => go({ as: this.as, ...place }));
    this.#bihak.on("ready", ({ user_id }) => this.#isKnown(user_id));
    this.#bihak.on("state", ({ state, message }) => {
      if (state === "refused") refused(message);
    });
    void this.#begin();
  }

  /** @param {Route} route */
  show(route) {
    this.#view.show(route);
    // A second click on the same result must be a step again.
    if (route.messageId !== null) correct({ ...route, messageId: null });
  }

  /** Nothing of this person is to stay in this browser. */
  forget() {
    return this.#bihak.signOut();
  }

  end() {
    this.#bihak.close();
    this.#view.end();
    this.#alerts.end();
    this.#store.end();
  }

  async #begin() {
    await this.#store.restore();
    this.#bihak.connect();
  }

  /** @param {string} userId */
  #isKnown(userId) {
    if (this.as === userId) return;
    this.as = userId;
    const route = { ...currentRoute(), as: userId };
    correct(route);
    this.show(route);
  }
}

/** @param {string} userId @returns {import("../sdk/wire.js").Identity} */
function identityOf(userId) {
  const cut = userId.lastIndexOf("_");
  return { participant_type: userId.slice(0, cut), participant_id: Number(userId.slice(cut + 1)) };
}
