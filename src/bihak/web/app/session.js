/** One person's stay: their connection, what is known to them, and the screen that shows it. */

import { ownerOf } from "../sdk/credentials.js";
import { Bihak } from "../sdk/sdk.js";
import { forget, home, remember } from "./belongings.js";
import { chat } from "./chat.js";
import { later } from "./later.js";
import { choicesOf } from "./preferences.js";
import { correct, currentRoute, go } from "./route.js";
import { Store } from "./store.js";
import { tellTab } from "./tab.js";

/** @typedef {import("./route.js").Route} Route */

/**
 * @typedef {Object} Options
 * @property {string} as
 * @property {string | null} token
 * @property {(why: import("../sdk/contract.js").StateChange) => void} refused
 * @property {() => void} loaded  all that this person may open is here
 */

export class Session {
  /** @type {Bihak} */
  #bihak;
  /** @type {Store} */
  #store;
  #view;
  /** Made when there is something to tell the desktop. @type {Promise<import("./alerts.js").Alerts> | null} */
  #alerts = null;
  #hasEnded = false;
  /** Whose it is; with a token only the server knows at first. @type {string} */
  as;

  /**
   * @param {HTMLElement} root
   * @param {Options} options
   */
  constructor(root, { as, token, refused, loaded }) {
    this.as = as;
    const owner = as || ownerOf({ token: token ?? undefined });
    this.#bihak = new Bihak({
      url: home(),
      status: () => choicesOf(owner ?? "").status,
      ...(token === null ? { participant: identityOf(as) } : { token }),
    });
    this.#store = new Store(this.#bihak);
    const leaveWord = token === null ? "signin.switch" : "signin.signOut";
    this.#view = chat(root, this.#bihak, this.#store, { leaveWord, navigate: go, told: tellTab, loaded });
    this.#bihak.on("notification", ({ notification }) => void this.#alert(notification));
    this.#bihak.on("notifications_read", async ({ notification_ids }) => {
      const alerts = await this.#alerts;
      for (const id of notification_ids) alerts?.withdraw(id);
    });
    this.#bihak.on("ready", ({ user_id, name }) => {
      if (token !== null) remember({ userId: user_id, name: name ?? user_id });
      this.#isKnown(user_id);
    });
    this.#bihak.on("state", (change) => {
      if (change.state === "refused") refused(change);
    });
    // What was seen last is shown until the server has spoken, which is asked meanwhile.
    void this.#store.restore();
    this.#bihak.connect();
  }

  /** @param {Route} route */
  show(route) {
    this.#view.show(route);
    // A second click on the same result must be a step again.
    if (route.messageId !== null) correct({ ...route, messageId: null });
  }

  /** Nothing of this person is to stay in this browser. */
  forget() {
    void this.#bihak.signOut();
    const { userId } = this.person;
    if (userId) forget(userId);
  }

  /** @returns {import("./handover.js").Person} whose it is; without a user_id as long as only the server knows */
  get person() {
    const { me } = this.#store.state;
    return { userId: me?.user_id ?? this.as, name: me?.name ?? this.as };
  }

  end() {
    this.#bihak.close();
    this.#view.end();
    this.#hasEnded = true;
    void this.#alerts?.then((alerts) => alerts.end());
    this.#store.end();
  }

  /** @param {import("../sdk/wire.js").Notification} notification */
  async #alert(notification) {
    if (!this.#store.preferences.all.alerts) return;
    this.#alerts ??= later.alerts().then(({ Alerts }) => new Alerts(this.#store, (place) => go({ as: this.as, ...place })));
    try {
      const alerts = await this.#alerts;
      if (!this.#hasEnded) alerts.tell(notification);
    } catch {
      this.#alerts = null;
    }
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
