/** Where the web client begins: who is it for, which of its two screens is to be shown, and how long somebody stays. */

import { TOKEN, takeArrival, whoComes } from "./arrival.js";
import { forget, lastPerson, remember, showTheme } from "./belongings.js";
import { chat } from "./chat.js";
import { el, fill, find } from "./dom.js";
import { takeFirst } from "./early.js";
import { later } from "./later.js";
import { correct, currentRoute, go, putListBelow, takeToken } from "./route.js";
import { reasonWords } from "./wording.js";
import { choose, speak, spoken, t } from "./words.js";

/**
 * @typedef {Object} Config
 * @property {"trusted" | "token"} auth_mode
 * @property {{user_id: string, name: string, participant_type: string}[]} people
 * @property {string} version
 */

/** @typedef {import("./route.js").Route} Route */

/**
 * @typedef {Object} Stay
 * @property {import("./arrival.js").Who} who
 * @property {(why: import("../sdk/contract.js").StateChange) => void} refused
 * @property {() => void} loaded  all that this person may open is here
 */

/** As in style.css, where the page is all there is. */
const ONE_PANE = "(max-width: 45rem)";

const root = find("#root");
/** @type {Session | null} */
let session = null;

/** @param {Config} config @param {string} [notice] */
function route(config, notice) {
  const { as, ...place } = currentRoute();
  const who = whoComes(config);
  if (session && (!who || (as && session.as !== as))) end();
  if (!who) return void showSignIn(config, notice);
  if (!session && matchMedia(ONE_PANE).matches) putListBelow({ as, ...place });
  session ??= new Session(root, {
    who,
    refused: (why) => (why.code === "revoked" ? signOut : leave)(config, reasonWords(why)),
    loaded: () => void keepForOffline(),
  });
  session.show({ as: session.as, ...place });
}

function end() {
  session?.end();
  session = null;
}

/** @param {Config} config @param {string} [notice]  why, when it was not their wish */
function leave(config, notice) {
  sessionStorage.removeItem(TOKEN);
  end();
  correct({});
  route(config, notice);
}

/** Leaves for good, and leaves nothing behind. @param {Config} config @param {string} [notice] */
function signOut(config, notice) {
  if (config.auth_mode === "token") session?.forget();
  leave(config, notice);
}

/** @param {Config} config @param {string} [notice] */
async function showSignIn(config, notice) {
  const useToken = (/** @type {string} */ token) => {
    sessionStorage.setItem(TOKEN, token);
    route(config);
  };
  const module = await later.signin().catch(() => null);
  if (session) return;
  if (!module) return showUnreachable(() => void showSignIn(config, notice));
  const useLanguage = async (/** @type {import("./words.js").Language} */ language) => {
    await choose(language);
    await showSignIn(config, notice);
  };
  fill(root, module.signIn({ config, notice, useToken, usePerson: (as) => go({ as }), useLanguage }));
  tellTab({ title: null, unread: 0 });
}

/**
 * A token that came in the address signs in whoever is here already, and anybody where nobody is. Another person is
 * asked about first: links can be made by everybody.
 * @param {Config} config @param {string | null} token
 */
async function accept(config, token) {
  if (!token || config.auth_mode !== "token") return route(config);
  const module = await later.handover().catch(() => null);
  if (!module) return session ? route(config) : showUnreachable(() => void accept(config, token));
  const { mayBecome, personOf } = module;
  const next = personOf(token);
  const present = session?.person ?? personOf(sessionStorage.getItem(TOKEN) ?? "") ?? lastPerson();
  if (present?.userId) {
    route(config);
    if (!next || !(await mayBecome(next, present, token))) return;
    if (present.userId !== next.userId) forget(present.userId);
  }
  sessionStorage.setItem(TOKEN, token);
  end();
  // It says who: an address of somebody else's does not.
  correct({ ...currentRoute(), as: null });
  route(config);
}

async function start() {
  const token = takeToken();
  showTheme();
  const first = takeFirst();
  try {
    const config = await first;
    document.documentElement.lang = spoken();
    begin(config, token);
  } catch {
    await speak();
    showUnreachable();
  }
}

/** @param {Config} config @param {string | null} token */
function begin(config, token) {
  addEventListener("hashchange", () => {
    const next = takeToken();
    if (next) void accept(config, next);
    else if (!location.hash.slice(1) && session) signOut(config);
    else route(config);
  });
  void accept(config, token);
}

async function keepForOffline() {
  (await later.offline()).keepForOffline();
}

/** @param {() => void} [retry] */
function showUnreachable(retry = () => void start()) {
  const again = el("button", { class: "button", type: "button", onclick: retry }, t("app.tryAgain"));
  const words = el("p", { role: "alert" }, t("app.unreachable"));
  const mark = el("img", { class: "card-mark", src: "app/icon.svg", alt: "", width: 56, height: 56 });
  fill(root, el("main", { class: "signin" }, el("div", { class: "card card-quiet" }, mark, words, again)));
}

/** One person's stay: their connection, what is known to them, and the screen that shows it. */
class Session {
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
   * @param {Stay} stay
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
function tellTab({ title, unread }) {
  const name = title === null ? t("app.name") : `${title} · ${t("app.name")}`;
  document.documentElement.lang = spoken();
  document.title = unread > 0 ? `(${unread}) ${name}` : name;
  const link = document.querySelector("link[rel=icon]");
  const icon = unread > 0 ? "app/icon-unread.svg" : "app/icon.svg";
  if (link?.getAttribute("href") !== icon) link?.setAttribute("href", icon);
}

void start();
