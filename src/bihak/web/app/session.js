/** One person's stay: their connection, what is known to them, and the screen that shows it. */

import { takeArrival } from "./arrival.js";
import { forget, remember } from "./belongings.js";
import { chat } from "./chat.js";
import { later } from "./later.js";
import { correct, currentRoute, go } from "./route.js";
import { spoken, t } from "./words.js";

/** @typedef {import("./route.js").Route} Route */

/**
 * @typedef {Object} Options
 * @property {import("./arrival.js").Who} who
 * @property {(why: import("../sdk/contract.js").StateChange) => void} refused
 * @property {() => void} loaded  all that this person may open is here
 */

export class Session {
  #bihak;
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
  constructor(root, { who, refused, loaded }) {
    const { as, token } = who;
    this.as = as;
    const { bihak, store, takeHeard } = takeArrival(who);
    this.#bihak = bihak;
    this.#store = store;
    const leaveWord = token === null ? "signin.switch" : "signin.signOut";
    this.#view = chat(root, this.#bihak, this.#store, { leaveWord, navigate: go, told: tellTab, loaded });
    for (const notification of takeHeard()) void this.#alert(notification);
    this.#bihak.on("notification", ({ notification }) => void this.#alert(notification));
    this.#bihak.on("notifications_read", async ({ notification_ids }) => {
      const alerts = await this.#alerts;
      for (const id of notification_ids) alerts?.withdraw(id);
    });
    const welcomed = (/** @type {import("../sdk/wire.js").Welcome} */ { user_id, name }) => {
      if (token !== null) remember({ userId: user_id, name: name ?? user_id });
      this.#isKnown(user_id);
    };
    this.#bihak.on("ready", welcomed);
    if (this.#bihak.me) welcomed(this.#bihak.me);
    this.#bihak.on("state", (change) => {
      if (change.state === "refused") refused(change);
    });
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

/**
 * The browser's tab: its title and its icon say that something waits, and its page in which language.
 * @param {{title: string | null, unread: number}} told  `title` of the open conversation, if there is one
 */
export function tellTab({ title, unread }) {
  const name = title === null ? t("app.name") : `${title} · ${t("app.name")}`;
  document.documentElement.lang = spoken();
  document.title = unread > 0 ? `(${unread}) ${name}` : name;
  const link = document.querySelector("link[rel=icon]");
  const icon = unread > 0 ? "app/icon-unread.svg" : "app/icon.svg";
  if (link?.getAttribute("href") !== icon) link?.setAttribute("href", icon);
}
