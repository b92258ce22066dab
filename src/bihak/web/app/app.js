/** Where the web client begins: who is it for, and which of its two screens is to be shown. */

import { TOKEN, whoComes } from "./arrival.js";
import { forget, lastPerson } from "./belongings.js";
import { el, fill, find } from "./dom.js";
import { takeFirst } from "./early.js";
import { later } from "./later.js";
import { showTheme } from "./preferences.js";
import { correct, currentRoute, go, takeToken } from "./route.js";
import { Session, tellTab } from "./session.js";
import { reasonWords } from "./wording.js";
import { choose, speak, spoken, t } from "./words.js";

/**
 * @typedef {Object} Config
 * @property {"trusted" | "token"} auth_mode
 * @property {{user_id: string, name: string, participant_type: string}[]} people
 * @property {string} version
 */

const root = find("#root");
/** @type {Session | null} */
let session = null;

/** @param {Config} config @param {string} [notice] */
function route(config, notice) {
  const { as, ...place } = currentRoute();
  const who = whoComes(config);
  if (session && (!who || (as && session.as !== as))) end();
  if (!who) return void showSignIn(config, notice);
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
  const { signIn } = await later.signin();
  if (session) return;
  const useLanguage = async (/** @type {import("./words.js").Language} */ language) => {
    await choose(language);
    await showSignIn(config, notice);
  };
  fill(root, signIn({ config, notice, useToken, usePerson: (as) => go({ as }), useLanguage }));
  tellTab({ title: null, unread: 0 });
}

/**
 * A token that came in the address signs in whoever is here already, and anybody where nobody is. Another person is
 * asked about first: links can be made by everybody.
 * @param {Config} config @param {string | null} token
 */
async function accept(config, token) {
  if (!token || config.auth_mode !== "token") return route(config);
  const { askToBecome, personOf } = await later.handover();
  const next = personOf(token);
  const present = session?.person ?? personOf(sessionStorage.getItem(TOKEN) ?? "") ?? lastPerson();
  if (present?.userId) {
    route(config);
    // A link with no good token must not cost anybody the one they have.
    if (!next || !(await isGood(token))) return;
    if (present.userId !== next.userId) {
      if (!(await askToBecome(next, present))) return;
      forget(present.userId);
    }
  }
  sessionStorage.setItem(TOKEN, token);
  end();
  // It says who: an address of somebody else's does not.
  correct({ ...currentRoute(), as: null });
  route(config);
}

/** @param {string} token  as far as the server can be asked */
async function isGood(token) {
  const answer = await fetch("api/settings", { headers: { Authorization: `Bearer ${token}` } }).catch(() => null);
  return answer?.status !== 401;
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

function showUnreachable() {
  const again = el("button", { class: "button", type: "button", onclick: start }, t("app.tryAgain"));
  const words = el("p", { role: "alert" }, t("app.unreachable"));
  const mark = el("img", { class: "card-mark", src: "app/icon.svg", alt: "", width: 56, height: 56 });
  fill(root, el("main", { class: "signin" }, el("div", { class: "card card-quiet" }, mark, words, again)));
}

void start();
