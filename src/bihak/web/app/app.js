/** Where the web client begins: who is it for, and which of its two screens is to be shown. */

import { el, fill, find } from "./dom.js";
import { showTheme } from "./preferences.js";
import { correct, currentRoute, go, takeToken } from "./route.js";
import { keepForOffline } from "./offline.js";
import { Session } from "./session.js";
import { tellTab } from "./tab.js";
import { choose, speak, spoken, t } from "./words.js";

/**
 * @typedef {Object} Config
 * @property {"trusted" | "token"} auth_mode
 * @property {{user_id: string, name: string, participant_type: string}[]} people
 * @property {string} version
 */

const TOKEN = "bihak.token";

const root = find("#root");
/** @type {Session | null} */
let session = null;

/** @param {Config} config @param {string} [notice] */
function route(config, notice) {
  const { as, ...place } = currentRoute();
  const token = config.auth_mode === "token" ? sessionStorage.getItem(TOKEN) : null;
  const wanted = config.auth_mode === "token" ? token && (as ?? "") : as;
  if (session && (wanted === null || (as && session.as !== as))) end();
  if (wanted === null) return void showSignIn(config, notice);
  session ??= new Session(root, { as: wanted, token, refused: (why) => leave(config, why) });
  session.show({ as: session.as, ...place });
}

function end() {
  session?.end();
  session = null;
}

/** @param {Config} config @param {string} [notice]  why, when it was not their wish */
function leave(config, notice) {
  sessionStorage.removeItem(TOKEN);
  if (config.auth_mode === "token") void session?.forget();
  end();
  correct({});
  route(config, notice);
}

/** @param {Config} config @param {string} [notice] */
async function showSignIn(config, notice) {
  const useToken = (/** @type {string} */ token) => {
    sessionStorage.setItem(TOKEN, token);
    route(config);
  };
  const { signIn } = await import("./signin.js");
  if (session) return;
  const useLanguage = async (/** @type {import("./words.js").Language} */ language) => {
    await choose(language);
    await showSignIn(config, notice);
  };
  fill(root, signIn({ config, notice, useToken, usePerson: (as) => go({ as }), useLanguage }));
  tellTab({ title: null, unread: 0 });
}

/** Signs in with a token that came in the address, in place of whoever was here. @param {string | null} token */
function accept(token) {
  if (!token) return;
  sessionStorage.setItem(TOKEN, token);
  end();
}

async function start() {
  accept(takeToken());
  showTheme();
  await speak();
  document.documentElement.lang = spoken();
  try {
    const answer = await fetch("config.json");
    if (!answer.ok) throw new Error(`config.json: ${answer.status}`);
    begin(await answer.json());
  } catch {
    showUnreachable();
  }
}

/** @param {Config} config */
function begin(config) {
  addEventListener("hashchange", () => {
    accept(takeToken());
    if (!location.hash.slice(1) && session) leave(config);
    else route(config);
  });
  route(config);
  void keepForOffline();
}

function showUnreachable() {
  const again = el("button", { class: "button", type: "button", onclick: start }, t("app.tryAgain"));
  const words = el("p", { role: "alert" }, t("app.unreachable"));
  const mark = el("img", { class: "card-mark", src: "app/icon.svg", alt: "", width: 56, height: 56 });
  fill(root, el("main", { class: "signin" }, el("div", { class: "card card-quiet" }, mark, words, again)));
}

void start();
