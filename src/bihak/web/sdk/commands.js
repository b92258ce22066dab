/**
 * A method for each command of the protocol; each returns a promise of the reply, or rejects with a Fault.
 *
 * Without a connection they reject at once (`code` is `disconnected`). Only `send`, which is not here, waits for one.
 */

/** @typedef {import("./wire.js").Replies} Replies */

export class Commands extends EventTarget {
  /**
   * Any command, by the `type` and the fields of its frame.
   * @template {keyof Replies} K
   * @param {K} _type @param {object} [_fields]
   * @returns {Promise<Replies[K]>}
   */
  request(_type, _fields) {
    return Promise.reject(new Error("request is not implemented"));
  }

  /** @param {{limit?: number, before?: number}} [page]  `before` is a conversation_id */
  conversations(page = {}) {
    return this.request("conversations", page);
  }

  /** @param {number} conversation_id */
  async conversation(conversation_id) {
    return (await this.request("get_conversation", { conversation_id })).conversation;
  }

  /**
   * @param {"direct" | "team" | "broadcast" | "exercise"} conversation_type
   * @param {string[]} participants  user_ids; oneself is always in it
   * @param {string} [name]
   */
  async createConversation(conversation_type, participants, name) {
    return (await this.request("create_conversation", { conversation_type, participants, name })).conversation;
  }

  /** @param {number} conversation_id @param {string} name */
  rename(conversation_id, name) {
    return this.request("rename_conversation", { conversation_id, name });
  }

  /** @param {number} conversation_id @param {string[]} participants  user_ids */
  addParticipants(conversation_id, participants) {
    return this.request("add_participants", { conversation_id, participants });
  }

  /** @param {number} conversation_id @param {string} user_id */
  removeParticipant(conversation_id, user_id) {
    return this.request("remove_participant", { conversation_id, user_id });
  }

  /** @param {number} conversation_id */
  leave(conversation_id) {
    return this.request("leave_conversation", { conversation_id });
  }

  /**
   * Messages, oldest first.
   * @param {number} conversation_id @param {{before?: number, after?: number, limit?: number}} [page]  message_ids
   */
  history(conversation_id, page = {}) {
    return this.request("history", { conversation_id, ...page });
  }

  /** @param {number} message_id @param {string} content */
  edit(message_id, content) {
    return this.request("edit_message", { message_id, content });
  }

  /** @param {number} message_id */
  delete(message_id) {
    return this.request("delete_message", { message_id });
  }

  /** @param {number} message_id @param {string} emoji */
  react(message_id, emoji) {
    return this.request("add_reaction", { message_id, emoji });
  }

  /** @param {number} message_id @param {string} emoji */
  unreact(message_id, emoji) {
    return this.request("remove_reaction", { message_id, emoji });
  }

  /** @param {number} message_id */
  pin(message_id) {
    return this.request("pin_message", { message_id });
  }

  /** @param {number} message_id */
  unpin(message_id) {
    return this.request("unpin_message", { message_id });
  }

  /** The pinned messages, the one pinned last first. @param {number} conversation_id */
  async pins(conversation_id) {
    return (await this.request("pins", { conversation_id })).messages;
  }

  /** @param {number} conversation_id @param {number} message_id  everything up to it is read */
  markRead(conversation_id, message_id) {
    return this.request("mark_read", { conversation_id, message_id });
  }

  /** Who has read a message, and when. @param {number} message_id */
  async receipts(message_id) {
    return (await this.request("receipts", { message_id })).receipts;
  }

  /** How many messages wait, in all and for each conversation. */
  unread() {
    return this.request("unread");
  }

  /** What one keeps private. */
  settings() {
    return this.request("settings");
  }

  /** @param {{read_receipts: boolean}} settings  whether others hear of what one has read */
  updateSettings(settings) {
    return this.request("update_settings", settings);
  }

  /** @param {import("./wire.js").Status} status  `offline` is to appear so */
  setStatus(status) {
    return this.request("set_status", { status });
  }

  /** @param {string[]} participants  user_ids */
  async statuses(participants) {
    return (await this.request("get_status", { participants })).statuses;
  }

  /** @param {string} user_id */
  async status(user_id) {
    return (await this.request("get_one_status", { user_id })).statuses[0];
  }

  /** The directory of people. @param {string} q  a part of a name */
  async people(q) {
    return (await this.request("participants", { q })).participants;
  }

  /**
   * @param {string} q
   * @param {import("./wire.js").SearchRange} [range]  `before` is a message_id
   */
  search(q, range = {}) {
    return this.request("search", { q, ...range });
  }

  /** @param {{limit?: number, before?: number}} [page]  `before` is a notification_id */
  notifications(page = {}) {
    return this.request("notifications", page);
  }

  /** @param {number[]} [notification_ids]  all of them unless told */
  markNotificationsRead(notification_ids) {
    return this.request("mark_notifications_read", { notification_ids });
  }

  /**
   * Asks for the events after a seq; the library does so by itself when it finds a gap.
   * @param {number} conversation_id @param {number} [after_seq]
   */
  subscribe(conversation_id, after_seq) {
    return this.request("subscribe_conversation", { conversation_id, after_seq });
  }

  ping() {
    return this.request("ping");
  }
}
