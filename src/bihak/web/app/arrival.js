/** Who comes, as the address says, and their connection: it is made while the screens are still on their way. */

import { Bihak } from "../sdk/sdk.js";
import { ownerOf } from "../sdk/signin.js";
import { firstConfig } from "./early.js";
import { choicesOf } from "./belongings.js";
import { currentRoute, hasToken, home } from "./route.js";
import { Store } from "./store.js";

/** @typedef {import("./app.js").Config} Config */
/** @typedef {import("../sdk/wire.js").Notification} Notification */
/** @typedef {{as: string, token: string | null}} Who  `as` is empty where only the server knows */
/**
 * @typedef {Object} Arrival
 * @property {Who} who
 * @property {Bihak} bihak
 * @property {Store} store
 * @property {() => Notification[]} takeHeard  what has come so far; from then on it is for the caller to listen
 */

export const TOKEN = "bihak.token";

/** @param {Config} config @returns {Who | null} null where somebody is to sign in first */
export function whoComes({ auth_mode }) {
  const { as } = currentRoute();
  if (auth_mode !== "token") return as === null ? null : { as, token: null };
  const token = sessionStorage.getItem(TOKEN);
  return token === null ? null : { as: as ?? "", token };
}

/** @param {Who} who @returns {Arrival} */
function arrive(who) {
  const { as, token } = who;
  const owner = as || ownerOf({ token: token ?? undefined });
  const bihak = new Bihak({
    url: home(),
    status: () => choicesOf(owner ?? "").status,
    ...(token === null ? { participant: identityOf(as) } : { token }),
  });
  const store = new Store(bihak);
  /** @type {Notification[]} */
  const heard = [];
  const off = bihak.on("notification", ({ notification }) => heard.push(notification));
  const takeHeard = () => {
    off();
    return heard;
  };
  // What was seen last is shown until the server has spoken, which is asked meanwhile.
  void store.restore();
  bihak.connect();
  return { who, bihak, store, takeHeard };
}

/** @type {Arrival | null} */
let first = null;
let isAwaited = true;

/** Not where the address brings a token: somebody may have to be asked about that. */
async function arriveFirst() {
  if (hasToken()) return;
  const who = whoComes(await firstConfig);
  if (!who || !isAwaited) return;
  first = arrive(who);
  first.store.open(currentRoute().conversationId);
}

/** @param {Who} who @returns {Arrival} the one that is under way, if it is theirs */
export function takeArrival(who) {
  const taken = first;
  isAwaited = false;
  first = null;
  if (!taken) return arrive(who);
  const isTheirs = taken.who.as === who.as && taken.who.token === who.token;
  // Whoever was refused is to hear of it, and has missed it here.
  if (isTheirs && taken.bihak.state.state !== "refused") return taken;
  taken.bihak.close();
  taken.store.end();
  return arrive(who);
}

/** @param {string} userId @returns {import("../sdk/wire.js").Identity} */
function identityOf(userId) {
  const cut = userId.lastIndexOf("_");
  return { participant_type: userId.slice(0, cut), participant_id: Number(userId.slice(cut + 1)) };
}

// What goes wrong here goes wrong again for the screens, which can say it.
arriveFirst().catch(() => {});
