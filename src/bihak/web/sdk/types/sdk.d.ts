export { Fault };
export class Bihak extends Commands {
    /** @param {Options} options */
    constructor(options: Options);
    /** What this person last saw, for a start without network. */
    cache: Cache;
    /** @type {Welcome | null} */
    me: Welcome | null;
    get state(): import("./contract.js").StateChange;
    connect(): this;
    /** Tries at once instead of waiting for the backoff to end. */
    reconnectNow(): void;
    /** Ends the connection. What is not sent yet is kept, for the next time. */
    close(): void;
    /** Ends the connection, and forgets what this browser knows of the person: the cache, and what is not sent. */
    signOut(): Promise<void>;
    /**
     * @template {keyof Events} K
     * @param {K} type @param {(detail: Events[K]) => void} listener
     * @returns {() => void} ends it
     */
    on<K extends keyof Events>(type: K, listener: (detail: Events[K]) => void): () => void;
    /**
     * Queues a message; it is sent now or as soon as there is a connection. What becomes of it is told by `outbox`.
     * @param {number} conversationId @param {string} content @param {{replyToId?: number | null}} [options]
     * @returns {Entry}
     */
    send(conversationId: number, content: string, { replyToId }?: {
        replyToId?: number | null;
    }): Entry;
    /** @param {number} [conversationId] */
    unsent(conversationId?: number): import("./outbox.js").Entry[];
    /** @param {string} key */
    retry(key: string): Promise<void>;
    /** @param {string} key */
    discard(key: string): void;
    /** Call it on every key stroke; few of them become frames. @param {number} conversationId */
    typing(conversationId: number): void;
    /** @param {number} conversationId */
    stopTyping(conversationId: number): void;
    #private;
}
export type Frame = import("./wire.js").Frame;
export type Head = import("./wire.js").Head;
export type Welcome = import("./wire.js").Welcome;
export type Replies = import("./wire.js").Replies;
export type MessageSent = import("./wire.js").MessageSent;
export type Entry = import("./outbox.js").Entry;
export type State = import("./contract.js").State;
export type StateChange = import("./contract.js").StateChange;
export type Options = import("./contract.js").Options;
export type Events = import("./contract.js").Events;
import { Fault } from "./requests.js";
import { Commands } from "./commands.js";
import { Cache } from "./cache.js";
