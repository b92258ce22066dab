/** Where the web client begins: who is it for, and which of its two screens is to be shown. */

import { Bihak } from "../sdk/sdk.js";
import { chat } from "./chat.js";
import { el, fill, find } from "./dom.js";
import { correct, currentRoute, go, takeToken } from "./route.js";
import { signIn } from "./signin.js";
import { Store } from "./store.js";
import { speak, spoken } from "./words.js";

/**
 * @typedef {Object} Config
 * @property {"trusted" | "token"} auth_mode
 * @property {{user_id: string, name: string, participant_type: string}[]} people
 * @property {string} version
 */

/** @typedef {{as: string, bihak: Bihak, show: (route: import("./route.js").Route) => void, end: () => void}} Session */

const TOKEN = "bihak.token";

const root = find("#root");
/** @type {Session | null} */
let session = null;

/** @param {Config} config @param {string} [notice] */
function route(config, notice) {
  const { as, conversationId } = currentRoute();
  const token = config.auth_mode === "token" ? sessionStorage.getItem(TOKEN) : null;
  const wanted = config.auth_mode === "token" ? token && (as ?? "") : as;
  if (session && (wanted === null || (as && session.as !== as))) {
    session.end();
    session = null;
  }
  if (wanted === null) showSignIn(config, notice);
  else session ??= begin(config, wanted, token);
  session?.show({ as: session.as, conversationId });
}

/** @param {Config} config @param {string} as @param {string | null} token @returns {Session} */
function begin(config, as, token) {
  const bihak = new Bihak({
    url: new URL(".", location.href).href.replace(/^http/, "ws"),
    ...(token === null ? { participant: identityOf(as) } : { token }),
  });
  const view = chat(root, bihak, new Store(bihak), { leaveLabel: token === null ? "Switch person" : "Sign out" });
  /** @type {Session} */
  const begun = {
    as,
    bihak,
    show: view.show,
    end: () => {
      bihak.close();
      view.end();
    },
  };
  bihak.on("ready", ({ user_id }) => {
    if (begun.as === user_id) return;
    begun.as = user_id;
    correct({ ...currentRoute(), as: user_id });
    view.show({ ...currentRoute(), as: user_id });
  });
  bihak.on("state", ({ state, message }) => {
    if (state === "refused") leave(config, message);
  });
  bihak.connect();
  return begun;
}

/** @param {Config} config @param {string} [notice]  why, when it was not their wish */
function leave(config, notice) {
  sessionStorage.removeItem(TOKEN);
  session?.end();
  session = null;
  correct({});
  route(config, notice);
}

/** @param {Config} config @param {string} [notice] */
function showSignIn(config, notice) {
  const useToken = (/** @type {string} */ token) => {
    sessionStorage.setItem(TOKEN, token);
    route(config);
  };
  fill(root, signIn({ config, notice, useToken, usePerson: (as) => go({ as }) }));
  document.title = "Bihak Messaging";
}

/** Signs in with a token that came in the address, in place of whoever was here. @param {string | null} token */
function accept(token) {
  if (!token) return;
  sessionStorage.setItem(TOKEN, token);
  session?.end();
  session = null;
}

/** @param {string} userId @returns {import("../sdk/wire.js").Identity} */
function identityOf(userId) {
  const cut = userId.lastIndexOf("_");
  return { participant_type: userId.slice(0, cut), participant_id: Number(userId.slice(cut + 1)) };
}

async function start() {
  accept(takeToken());
  await speak();
  document.documentElement.lang = spoken();
  try {
    const answer = await fetch("config.json");
    if (!answer.ok) throw new Error(`config.json: ${answer.status}`);
    /** @type {Config} */
    const config = await answer.json();
    addEventListener("hashchange", () => {
      accept(takeToken());
      if (!location.hash.slice(1) && session) leave(config);
      else route(config);
    });
    route(config);
  } catch {
    const again = el("button", { class: "button", type: "button", onclick: start }, "Try again");
    fill(root, el("main", { class: "signin" }, el("p", { role: "alert" }, "The server cannot be reached."), again));
  }
}

void start();
