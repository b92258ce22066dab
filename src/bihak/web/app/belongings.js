/** What this browser keeps of people besides what the library keeps, and whose it was last, where tokens sign people in. */

import { Bihak } from "../sdk/sdk.js";
import { DRAFTS } from "./drafts.js";
import { PLACES } from "./places.js";
import { CHOICES } from "./preferences.js";
import { home } from "./route.js";

/** @typedef {import("./handover.js").Person} Person */

/** The emoji they used lately. */
export const RECENT = "bihak.emoji";
const LAST = "bihak.person";

/** @returns {Person | null} who signed in last, and has not signed out */
export function lastPerson() {
  try {
    return JSON.parse(localStorage.getItem(LAST) ?? "null");
  } catch {
    return null;
  }
}

/** Somebody has signed in: whoever was here before leaves nothing behind. @param {Person} person */
export function remember({ userId, name }) {
  const last = lastPerson();
  if (last && last.userId !== userId) forget(last.userId);
  try {
    localStorage.setItem(LAST, JSON.stringify({ userId, name }));
  } catch {
    // Without storage there is nothing that could be left behind.
  }
}

/** Of the drafts, choices, cached and unsent messages nothing stays. @param {string} userId */
export function forget(userId) {
  const bihak = new Bihak({ url: home(), userId, token: () => "" });
  void bihak.signOut();
  try {
    const isTheirs = (/** @type {string} */ name) =>
      name.startsWith(`${DRAFTS}${userId}.`) || name === CHOICES + userId || name === RECENT || name === LAST;
    for (const name of Object.keys(localStorage).filter(isTheirs)) localStorage.removeItem(name);
    sessionStorage.removeItem(PLACES + userId);
  } catch {
    // Without storage nothing was left.
  }
}
