/** What the server thinks this person should hear of: messages that wait, mentions, being taken into a conversation. */

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/wire.js").Frame} Frame */
/** @typedef {import("../sdk/wire.js").Notification} Notice */

const PAGE = 30;

export class Notices {
  #bihak;
  #changed;
  /** @type {Map<number, Notice>} */
  #byId = new Map();
  unread = 0;
  hasMore = false;
  /** Whether the first page has been fetched. */
  loaded = false;

  /** @param {Bihak} bihak @param {() => void} changed */
  constructor(bihak, changed) {
    this.#bihak = bihak;
    this.#changed = changed;
    bihak.on("ready", () => void this.#fetch());
    void this.#fetch();
  }

  /** @returns {Notice[]} the latest first */
  get all() {
    return [...this.#byId.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  }

  /** @param {Frame} frame */
  fold(frame) {
    if (frame.type === "notification") {
      const notice = /** @type {Notice} */ (frame.notification);
      const known = this.#byId.get(notice.notification_id);
      if (!known || known.read_at) this.unread += 1;
      this.#byId.set(notice.notification_id, notice);
    } else if (frame.type === "notifications_read") {
      const { notification_ids: ids, read_at } = /** @type {{notification_ids: number[], read_at: string}} */ (
        /** @type {unknown} */ (frame)
      );
      for (const id of ids) this.#read(id, read_at);
    }
  }

  async more() {
    await this.#fetch(this.all.at(-1)?.notification_id);
  }

  /** @param {number[]} [ids]  all of them unless told; `notifications_read` tells when it is done */
  markRead(ids) {
    return this.#bihak.markNotificationsRead(ids);
  }

  /** @param {number} [before] */
  async #fetch(before) {
    try {
      const page = await this.#bihak.notifications({ limit: PAGE, before });
      if (before === undefined) this.#byId.clear();
      for (const notice of page.notifications) this.#byId.set(notice.notification_id, notice);
      ({ unread: this.unread, has_more: this.hasMore } = page);
      this.loaded = true;
      this.#changed();
    } catch {
      // Fetched anew with the next connection.
    }
  }

  /** @param {number} id @param {string} read_at */
  #read(id, read_at) {
    const known = this.#byId.get(id);
    if (known?.read_at) return;
    this.unread = Math.max(0, this.unread - 1);
    if (known) this.#byId.set(id, { ...known, read_at });
  }
}
