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
    request<K extends keyof Replies>(_type: K, _fields?: object): Promise<Replies[K]>;
    /** @param {{limit?: number, before?: number}} [page]  `before` is a conversation_id */
    conversations(page?: {
        limit?: number;
        before?: number;
    }): Promise<{
        conversations: import("./wire.js").Conversation[];
        has_more: boolean;
    }>;
    /** @param {number} conversation_id */
    conversation(conversation_id: number): Promise<import("./wire.js").Conversation>;
    /**
     * @param {"direct" | "team" | "broadcast" | "exercise"} conversation_type
     * @param {string[]} participants  user_ids; oneself is always in it
     * @param {string} [name]
     */
    createConversation(conversation_type: "direct" | "team" | "broadcast" | "exercise", participants: string[], name?: string): Promise<import("./wire.js").Conversation>;
    /** @param {number} conversation_id @param {string} name */
    rename(conversation_id: number, name: string): Promise<Object>;
    /** @param {number} conversation_id @param {string[]} participants  user_ids */
    addParticipants(conversation_id: number, participants: string[]): Promise<Object>;
    /** @param {number} conversation_id @param {string} user_id */
    removeParticipant(conversation_id: number, user_id: string): Promise<Object>;
    /** @param {number} conversation_id */
    leave(conversation_id: number): Promise<Object>;
    /**
     * Messages, oldest first.
     * @param {number} conversation_id @param {{before?: number, after?: number, limit?: number}} [page]  message_ids
     */
    history(conversation_id: number, page?: {
        before?: number;
        after?: number;
        limit?: number;
    }): Promise<{
        conversation_id: number;
        messages: import("./wire.js").Message[];
        has_more: boolean;
    }>;
    /** @param {number} message_id @param {string} content */
    edit(message_id: number, content: string): Promise<Object>;
    /** @param {number} message_id */
    delete(message_id: number): Promise<Object>;
    /** @param {number} message_id @param {string} emoji */
    react(message_id: number, emoji: string): Promise<Object>;
    /** @param {number} message_id @param {string} emoji */
    unreact(message_id: number, emoji: string): Promise<Object>;
    /** @param {number} message_id */
    pin(message_id: number): Promise<Object>;
    /** @param {number} message_id */
    unpin(message_id: number): Promise<Object>;
    /** The pinned messages, the one pinned last first. @param {number} conversation_id */
    pins(conversation_id: number): Promise<import("./wire.js").Message[]>;
    /** @param {number} conversation_id @param {number} message_id  everything up to it is read */
    markRead(conversation_id: number, message_id: number): Promise<Object>;
    /** Who has read a message, and when. @param {number} message_id */
    receipts(message_id: number): Promise<import("./wire.js").Receipt[]>;
    /** How many messages wait, in all and for each conversation. */
    unread(): Promise<{
        unread: number;
        conversations: {
            conversation_id: number;
            unread: number;
        }[];
    }>;
    /** What one keeps private. */
    settings(): Promise<{
        read_receipts: boolean;
        appears_offline: boolean;
    }>;
    /** @param {{read_receipts: boolean}} settings  whether others hear of what one has read */
    updateSettings(settings: {
        read_receipts: boolean;
    }): Promise<Object>;
    /** @param {import("./wire.js").Status} status  `offline` is to appear so */
    setStatus(status: import("./wire.js").Status): Promise<Object>;
    /** @param {string[]} participants  user_ids */
    statuses(participants: string[]): Promise<import("./wire.js").StatusOf[]>;
    /** @param {string} user_id */
    status(user_id: string): Promise<import("./wire.js").StatusOf>;
    /** The directory of people. @param {string} q  a part of a name */
    people(q: string): Promise<import("./wire.js").Participant[]>;
    /**
     * @param {string} q
     * @param {import("./wire.js").SearchRange} [range]  `before` is a message_id
     */
    search(q: string, range?: import("./wire.js").SearchRange): Promise<{
        conversation_id: number | null;
        messages: import("./wire.js").Message[];
        has_more: boolean;
    }>;
    /** @param {{limit?: number, before?: number}} [page]  `before` is a notification_id */
    notifications(page?: {
        limit?: number;
        before?: number;
    }): Promise<{
        notifications: import("./wire.js").Notification[];
        has_more: boolean;
        unread: number;
    }>;
    /** @param {number[]} [notification_ids]  all of them unless told */
    markNotificationsRead(notification_ids?: number[]): Promise<Object>;
    /**
     * Asks for the events after a seq; the library does so by itself when it finds a gap.
     * @param {number} conversation_id @param {number} [after_seq]
     */
    subscribe(conversation_id: number, after_seq?: number): Promise<{
        conversation_id: number;
        last_seq: number;
    }>;
    ping(): Promise<{
        heads?: import("./wire.js").Head[];
    }>;
}
export type Replies = import("./wire.js").Replies;
