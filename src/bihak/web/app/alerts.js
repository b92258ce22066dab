/** The desktop's own notifications: only once somebody has asked for them, and never for what is before their eyes. */

import { noticeWords } from "./wording.js";

/** @typedef {import("../sdk/wire.js").Notification} Notice */
/** @typedef {import("./store.js").Store} Store */

/** Browsers on Android have notifications for service workers alone, and say so only when one is made. */
let isRefused = false;

export class Alerts {
  #store;
  #navigate;
  /** By the id of what they tell of. @type {Map<number, Notification>} */
  #shown = new Map();

  /**
   * @param {Store} store
   * @param {(place: {conversationId: number, messageId: number | null}) => void} navigate
   */
  constructor(store, navigate) {
    this.#store = store;
    this.#navigate = navigate;
  }

  end() {
    for (const id of [...this.#shown.keys()]) this.withdraw(id);
  }

  /** @param {Notice} notice */
  tell(notice) {
    const { notification_id: id, conversation_id: conversationId, message_id: messageId } = notice;
    const { preferences, state } = this.#store;
    if (!preferences.all.alerts || permission() !== "granted") return;
    if (preferences.isMuted(conversationId) || (document.visibilityState === "visible" && document.hasFocus())) return;
    const { title, text } = noticeWords(notice, state);
    // One tag for all tabs of this person: each of them hears of it, one notification is shown.
    const shown = notification(title, { body: text, tag: `bihak-${id}`, icon: "app/icon.svg", silent: true });
    if (!shown) return preferences.choose({ alerts: false });
    shown.onclick = () => {
      window.focus();
      this.#navigate({ conversationId, messageId });
      this.withdraw(id);
    };
    this.#shown.set(id, shown);
  }

  /** @param {number} id */
  withdraw(id) {
    this.#shown.get(id)?.close();
    this.#shown.delete(id);
  }
}

/** @param {string} title @param {NotificationOptions} options @returns {Notification | null} */
function notification(title, options) {
  try {
    return new Notification(title, options);
  } catch {
    isRefused = true;
    return null;
  }
}

/** @returns {NotificationPermission | "missing"} */
export const permission = () => (globalThis.Notification && !isRefused ? Notification.permission : "missing");

/** To be called from a click only: browsers refuse whoever asks unbidden. @returns {Promise<boolean>} */
export async function askPermission() {
  return permission() !== "missing" && (await Notification.requestPermission()) === "granted";
}
