/** What somebody has chosen on this browser: which conversations are quiet, whether the desktop tells of news. */

/** @typedef {"light" | "dark" | "system"} Theme */
/** @typedef {{muted: number[], alerts: boolean, status: "online" | "away"}} Choices */

export const CHOICES = "bihak.preferences.";
const THEME = "bihak.theme";

/** @type {Choices} */
const DEFAULTS = { muted: [], alerts: false, status: "online" };

/** Dispatches `change`, also when another tab of the same person has changed something. */
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
    store(CHOICES + this.#owner(), { ...this.all, ...change });
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {string} owner  a user_id @returns {Choices} */
export const choicesOf = (owner) => ({ ...DEFAULTS, ...load(CHOICES + owner) });

/** @returns {Theme} */
export const theme = () => load(THEME) ?? "system";

/** @param {Theme} wanted */
export function chooseTheme(wanted) {
  store(THEME, wanted);
  showTheme();
}

export function showTheme() {
  const wanted = theme();
  document.documentElement.style.colorScheme = wanted === "system" ? "" : wanted;
}

/** @param {string} name @returns {any} */
function load(name) {
  try {
    return JSON.parse(localStorage.getItem(name) ?? "null");
  } catch {
    return null;
  }
}

/** @param {string} name @param {unknown} value */
function store(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
  } catch {
    // Without storage the choice is as good as not made.
  }
}
