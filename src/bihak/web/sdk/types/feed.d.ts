/** @typedef {import("./wire.js").Frame} Frame */
/** @typedef {import("./wire.js").DurableFrame} DurableFrame */
/** @typedef {import("./wire.js").Head} Head */
/** @typedef {import("./wire.js").Message} Message */
/** @typedef {import("./wire.js").MessageRead} MessageRead */
/** @typedef {import("./wire.js").Conversation} Conversation */
/**
 * @typedef {Object} FeedEnds
 * @property {import("./cache.js").Cache} cache
 * @property {import("./outbox.js").Outbox} outbox
 * @property {(frame: Frame) => void} tell  an event, in order
 * @property {(conversationId: number) => void} resync
 * @property {(conversationId: number, afterSeq: number) => Promise<unknown>} subscribe
 */
export class Feed {
    /** @param {FeedEnds} ends */
    constructor(ends: FeedEnds);
    /** Whose connection it is. @type {string | null} */
    userId: string | null;
    /** @returns {Record<string, number> | undefined} what `auth` takes as `resume` */
    resume(): Record<string, number> | undefined;
    /** With what is cached, and after `auth_success`. @param {Head[]} heads */
    begin(heads: Head[]): void;
    /** @param {Head[]} heads  of conversations of which something may be missing */
    compare(heads: Head[]): void;
    /** After `subscribed`. @param {Head} head */
    replaying(head: Head): void;
    /** After `resumed`. @param {Head[]} heads */
    resumed(heads: Head[]): void;
    disconnected(): void;
    /** @param {Frame} frame  an event */
    happened(frame: Frame): void;
    /** What a reply tells beyond the one who asked. @param {string} type @param {any} fields @param {any} reply */
    learned(type: string, fields: any, reply: any): void;
    #private;
}
export type Frame = import("./wire.js").Frame;
export type DurableFrame = import("./wire.js").DurableFrame;
export type Head = import("./wire.js").Head;
export type Message = import("./wire.js").Message;
export type MessageRead = import("./wire.js").MessageRead;
export type Conversation = import("./wire.js").Conversation;
export type FeedEnds = {
    cache: import("./cache.js").Cache;
    outbox: import("./outbox.js").Outbox;
    /**
     * an event, in order
     */
    tell: (frame: Frame) => void;
    resync: (conversationId: number) => void;
    subscribe: (conversationId: number, afterSeq: number) => Promise<unknown>;
};
