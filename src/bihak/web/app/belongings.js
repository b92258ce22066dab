/** What this browser keeps of people besides what the library keeps: choices, drafts, places, and whose it was last. */

import { Bihak } from "../sdk/sdk.js";
import { home } from "./route.js";

/** @typedef {import("./handover.js").Person} Person */
/** @typedef {"light" | "dark" | "system"} Theme */
/** @typedef {{muted: number[], alerts: boolean, status: "online" | "away"}} Choices */
/** @typedef {{messageId: number, who: string, text: string}} Quoted */
/** @typedef {{text: string, replyTo: Quoted | null}} Draft */
/** @typedef {{messageId: number, top: number}} Place  `top`: pixels from the top of the log to that message */

/** The emoji they used lately. */
export const RECENT = "bihak.emoji";
const CHOICES = "bihak.preferences.";
const DRAFTS = "bihak.draft.";
const PLACES = "bihak.places.";
const LAST = "bihak.person";
const THEME = "bihak.theme";

/** @type {Choices} */
const DEFAULTS = { muted: [], alerts: false, status: "online" };
/** @type {Draft} */
const NOTHING = { text: "", replyTo: null };

/** Which conversations are quiet, whether the desktop tells of news. Dispatches `change`, also when another tab of the same person has changed something. */
export class Preferences extends EventTarget {
  #owner;
  #changedElsewhere = (/** @type {StorageEvent} */ { key }) => {
    if (key?.startsWith(CHOICES)) this.dispatchEvent(new Event("change"));
  };

  /** @param {() => string} owner  a user_id */
  constructor(owner) {
    super();
    this.#owner = owner;
    addEventListener("storage", this.#changedElsewhere);
  }

  end() {
    removeEventListener("storage", this.#changedElsewhere);
  }

  /** @returns {Choices} */
  get all() {
    return choicesOf(this.#owner());
  }

  /** @param {number} conversationId */
  isMuted(conversationId) {
    return this.all.muted.includes(conversationId);
  }

  /** @param {number} conversationId @param {boolean} muted */
  mute(conversationId, muted) {
    const others = this.all.muted.filter((id) => id !== conversationId);
    this.choose({ muted: muted ? [...others, conversationId] : others });
  }

  /** @param {Partial<Choices>} change */
  choose(change) {
    write(CHOICES + this.#owner(), { ...this.all, ...change });
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {string} owner  a user_id @returns {Choices} */
export const choicesOf = (owner) => ({ ...DEFAULTS, ...read(CHOICES + owner) });

/** @returns {Theme} */
export const theme = () => read(THEME) ?? "system";

/** @param {Theme} wanted */
export function chooseTheme(wanted) {
  write(THEME, wanted);
  showTheme();
}

export function showTheme() {
  const wanted = theme();
  document.documentElement.style.colorScheme = wanted === "system" ? "" : wanted;
}

/** What somebody was about to write, for each conversation, also after a reload. Dispatches `change`. */
export class Drafts extends EventTarget {
  #owner;
  /** @type {Map<string, Draft>} where there is no storage, or as long as it takes none more */
  #kept = new Map();

  /** @param {() => string} owner  a user_id */
  constructor(owner) {
    super();
    this.#owner = owner;
  }

  /** @param {number} conversationId @returns {Draft} */
  find(conversationId) {
    const name = this.#name(conversationId);
    return this.#kept.get(name) ?? draftIn(name) ?? NOTHING;
  }

  /** @param {number} conversationId @param {Partial<Draft>} change */
  keep(conversationId, change) {
    const name = this.#name(conversationId);
    const draft = { ...this.find(conversationId), ...change };
    const isNothing = draft.text === "" && draft.replyTo === null;
    this.#kept.set(name, draft);
    try {
      if (isNothing) localStorage.removeItem(name);
      else localStorage.setItem(name, JSON.stringify(draft));
    } catch {
      // A full or forbidden storage costs the reload's safety net, not the draft.
    }
    this.dispatchEvent(new Event("change"));
  }

  /** @param {number} conversationId */
  #name(conversationId) {
    return `${DRAFTS}${this.#owner()}.${conversationId}`;
  }
}

/** Where somebody was reading in each conversation, for the life of the tab. */
export class Places {
  #owner;

  /** @param {() => string} owner  a user_id */
  constructor(owner) {
    this.#owner = owner;
  }

  /** @param {number} conversationId @returns {Place | undefined} */
  find(conversationId) {
    return this.#all[conversationId];
  }

  /** @param {number} conversationId @param {Place | undefined} place  undefined: at the end, as whoever comes anew */
  keep(conversationId, place) {
    try {
      sessionStorage.setItem(PLACES + this.#owner(), JSON.stringify({ ...this.#all, [conversationId]: place }));
    } catch {
      // Without storage one begins at the end.
    }
  }

  /** @returns {Record<number, Place>} */
  get #all() {
    try {
      return JSON.parse(sessionStorage.getItem(PLACES + this.#owner()) ?? "{}");
    } catch {
      return {};
    }
  }
}

/** @returns {Person | null} who signed in last, and has not signed out */
export const lastPerson = () => read(LAST);

/** Somebody has signed in: whoever was here before leaves nothing behind. @param {Person} person */
export function remember({ userId, name }) {
  const last = lastPerson();
  if (last && last.userId !== userId) forget(last.userId);
  write(LAST, { userId, name });
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

/** @param {string} name @returns {Draft | null} */
function draftIn(name) {
  const { text, replyTo } = read(name) ?? {};
  return typeof text === "string" ? { text, replyTo: replyTo ?? null } : null;
}

/** @param {string} name @returns {any} null where there is nothing, or no storage */
function read(name) {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "null");
  } catch {
    return null;
  }
}

/** Without storage it is as good as not done. @param {string} name @param {unknown} value */
function write(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // There is nothing that could be left behind either.
  }
}
