/** Keeps the state in step with the server, and tells the views when to look again. */

import { History } from "./history.js";
import { Preferences } from "./belongings.js";
import { State } from "./state.js";

/** @typedef {import("../sdk/sdk.js").Bihak} Bihak */
/** @typedef {import("../sdk/wire.js").Frame} Frame */
/** @typedef {import("../sdk/wire.js").Conversation} Conversation */
/** @typedef {import("../sdk/outbox.js").Entry} Entry */

const CHANGES_GATHER_MS = 16;
const CONVERSATIONS_PAGE = 100;
const CONVERSATIONS_MOST = 1_000;
const ASK_AGAIN_MS = 3_000;

/** Dispatches `change`. */
export class Store extends EventTarget {
  #bihak;
  /** @type {number | null} */
  #open = null;
  #attended = false;
  #announced = false;
  #refreshing = false;
  /** Something happened while the list was on its way, which it may not show. */
  #stale = false;
  /** As this connection has been told. @type {"online" | "away"} */
  #status = "online";
  /** Whether the list of conversations is there, fetched or from the last visit. */
  loaded = false;
  /** To the others one looks offline, whatever one does. */
  appearsOffline = false;
  /** Whether the others hear of what one has read. */
  sharesReads = true;
  /** @type {import("./notices.js").Notices | null} */
  notices = null;

  /** @param {Bihak} bihak */
  constructor(bihak) {
    super();
    this.#bihak = bihak;
    const changed = () => this.changed();
    this.state = new State(changed);
    this.history = new History(bihak, (id) => this.state.timeline(id), changed);
    this.preferences = new Preferences(() => this.state.myId);
    this.preferences.addEventListener("change", () => this.#chosen());
    bihak.on("event", (frame) => this.#happened(frame));
    bihak.on("resync", ({ conversation_id }) => this.#resync(conversation_id));
    bihak.on("outbox", (entry) => this.#outboxMoved(entry));
    bihak.on("ready", (welcome) => {
      this.state.me = { ...welcome, name: welcome.name ?? welcome.user_id };
      void this.#refresh();
      void this.refreshOwn();
    });
    bihak.on("state", ({ state }) => {
      if (state !== "ready") this.state.people.disconnected();
      changed();
    });
  }

  end() {
    this.preferences.end();
  }

  /** Shows what was known at the last visit, until the server has spoken. */
  async restore() {
    const { me, conversations } = await this.#bihak.cache.load();
    if (!me || this.state.me) return;
    this.state.me = me;
    this.state.replaceAll(conversations);
    this.loaded = conversations.length > 0;
    this.changed();
    await this.#loadOpen();
  }

  /** How much waits in the conversations that are not muted. */
  get unread() {
    const { muted } = this.preferences.all;
    const counted = this.state.conversations.filter(({ conversation_id: id }) => !muted.includes(id));
    return counted.reduce((sum, { unread }) => sum + unread, 0);
  }

  /** @param {number | null} id  the conversation on the screen */
  open(id) {
    if (this.#open !== null) this.#bihak.stopTyping(this.#open);
    this.#open = id;
    this.#attended = false;
    void this.#loadOpen();
    this.changed();
  }

  /** Whether the newest message of the open conversation is before somebody's eyes. @param {boolean} inView */
  attend(inView) {
    this.#attended = inView;
    this.#markRead();
  }

  /** @returns {number | null} the conversation on the screen */
  get opened() {
    return this.#open;
  }

  /** @param {string} userId @returns {Promise<number>} the id of the conversation between the two of us */
  async direct(userId) {
    return this.state.findDirect(userId)?.conversation_id ?? this.create("direct", [userId]);
  }

  /**
   * @param {"direct" | "team" | "broadcast"} kind @param {string[]} userIds @param {string} [name]
   * @returns {Promise<number>} its id
   */
  async create(kind, userIds, name) {
    const conversation = await this.#bihak.createConversation(kind, userIds, name);
    this.state.put(conversation);
    this.changed();
    return conversation.conversation_id;
  }

  /** From now on notifications are known of. @param {typeof import("./notices.js").Notices} Notices */
  hear(Notices) {
    this.notices ??= new Notices(this.#bihak, () => this.changed());
    return this.notices;
  }

  /** @returns {import("../sdk/wire.js").Status} what this person has chosen to be */
  get status() {
    return this.appearsOffline ? "offline" : this.preferences.all.status;
  }

  /** @param {import("../sdk/wire.js").Status} status */
  async setStatus(status) {
    await this.#bihak.setStatus(status);
    this.appearsOffline = status === "offline";
    if (status === "offline") return this.changed();
    this.#status = status;
    this.preferences.choose({ status });
  }

  /** @param {boolean} shares */
  async shareReads(shares) {
    await this.#bihak.updateSettings({ read_receipts: shares });
    this.sharesReads = shares;
    this.changed();
  }

  /** What only the server knows of oneself, and other devices may have changed. */
  async refreshOwn() {
    try {
      const { read_receipts, appears_offline } = await this.#bihak.settings();
      this.appearsOffline = appears_offline;
      this.sharesReads = read_receipts;
      this.#status = this.preferences.all.status;
      // The first sign-in of all did not know yet whose choice to tell.
      if (!this.appearsOffline && this.#status === "away") await this.#bihak.setStatus("away");
      this.changed();
    } catch {
      // Asked again with the next connection.
    }
  }

  /** Another tab may have chosen; each has a connection of its own, which must follow. */
  #chosen() {
    const { status } = this.preferences.all;
    if (status !== this.#status && this.#isReady && !this.appearsOffline) this.#bihak.setStatus(status).catch(() => {});
    this.#status = status;
    this.changed();
  }

  /** Many events come in one breath; the screen needs to follow only once. */
  changed() {
    if (this.#announced) return;
    this.#announced = true;
    setTimeout(() => {
      this.#announced = false;
      this.dispatchEvent(new Event("change"));
    }, CHANGES_GATHER_MS);
  }

  async #refresh() {
    this.#stale = true;
    if (this.#refreshing) return;
    this.#refreshing = true;
    while (this.#stale && this.#isReady) {
      this.#stale = false;
      await this.#fetchConversations();
    }
    this.#refreshing = false;
    await this.#loadOpen();
  }

  get #isReady() {
    return this.#bihak.state.state === "ready";
  }

  async #fetchConversations() {
    try {
      /** @type {Conversation[]} */
      const all = [];
      for (let more = true; more && all.length < CONVERSATIONS_MOST;) {
        const before = all.at(-1)?.conversation_id;
        const page = await this.#bihak.conversations({ limit: CONVERSATIONS_PAGE, before });
        all.push(...page.conversations);
        more = page.has_more && page.conversations.length > 0;
      }
      this.state.replaceAll(all);
      this.loaded = true;
      this.changed();
    } catch (fault) {
      // Without a connection there is nothing to do: `ready` brings us back here.
      const { retryAfterMs = ASK_AGAIN_MS } = /** @type {import("../sdk/sdk.js").Fault} */ (fault);
      if (this.#isReady) setTimeout(() => void this.#refresh(), retryAfterMs);
    }
  }

  async #loadOpen() {
    const conversation = this.state.find(this.#open);
    if (!conversation) return;
    if (this.#isReady) await this.history.open(conversation);
    else await this.#recall(conversation.conversation_id);
    this.#markRead();
  }

  /** What was last seen of a conversation. @param {number} id */
  async #recall(id) {
    const timeline = this.state.timeline(id);
    if (timeline.loaded || timeline.loading) return;
    const asked = timeline.begin();
    const messages = await this.#bihak.cache.messages(id);
    if (messages.length > 0) timeline.replace(asked, messages, { hasOlder: true, hasNewer: false });
    else timeline.giveUp(asked);
    this.changed();
    if (this.#isReady && this.#open === id) await this.#loadOpen();
  }

  #markRead() {
    const conversation = this.#attended ? this.state.find(this.#open) : undefined;
    if (!conversation || conversation.unread === 0 || !this.#isReady) return;
    const { conversation_id, last_message } = conversation;
    this.state.update(conversation_id, { unread: 0 });
    this.changed();
    if (!last_message) return;
    // Best effort: a lost one is made good by the next message that is read.
    this.#bihak.markRead(conversation_id, last_message.message_id).catch(() => {});
  }

  /** @param {Frame} frame */
  #happened(frame) {
    if (!this.state.fold(frame)) void this.#refresh();
    this.notices?.fold(frame);
    this.#markRead();
    this.changed();
  }

  /** @param {Entry} entry */
  #outboxMoved({ sent, conversation_id, content, reply_to_id, key }) {
    const { me } = this.state;
    if (sent && me) {
      const { message_id, seq, created_at } = sent;
      const sender = { sender_type: me.participant_type, sender_id: me.participant_id, sender_name: me.name };
      const stored = { message_id, seq, created_at, conversation_id, content, reply_to_id, idempotency_key: key };
      this.state.acknowledged({ ...stored, ...sender });
    }
    this.changed();
  }

  /** @param {number} id */
  #resync(id) {
    this.state.timeline(id).clear();
    this.state.update(id, { last_seq: 0 });
    void this.#refresh();
  }
}
