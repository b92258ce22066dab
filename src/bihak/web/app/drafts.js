/** What somebody was about to write, for each conversation, on this browser, also after a reload. */

/** @typedef {{messageId: number, who: string, text: string}} Quoted */
/** @typedef {{text: string, replyTo: Quoted | null}} Draft */

export const DRAFTS = "bihak.draft.";

/** @type {Draft} */
const NOTHING = { text: "", replyTo: null };

/** Dispatches `change`. */
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
    return this.#kept.get(name) ?? load(name) ?? NOTHING;
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

/** @param {string} name @returns {Draft | null} */
function load(name) {
  try {
    const { text, replyTo } = JSON.parse(localStorage.getItem(name) ?? "{}");
    return typeof text === "string" ? { text, replyTo: replyTo ?? null } : null;
  } catch {
    return null;
  }
}
