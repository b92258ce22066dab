/**
 * Every conversation's durable events applied exactly once, in the order of their `seq`.
 *
 * The wire is at-least-once: a live event may overtake a replay, come twice after a reconnect, or be missing. What has
 * been seen is dropped; what is early is held while the events before it are asked for.
 */
/** @typedef {import("./wire.js").DurableFrame} DurableFrame */
/** @typedef {import("./wire.js").Head} Head */
/**
 * @typedef {Object} Cursor
 * @property {number} seq  the last one applied
 * @property {number} replayTo  the server is sending the events up to here, in order; 0 when it is not
 * @property {boolean} repairing  asked for, and no `subscribed` yet
 * @property {Map<number, DurableFrame>} held
 */
export class Cursors {
    /**
     * @param {(frame: DurableFrame) => void} apply  called once for each event, in order
     * @param {(conversationId: number, afterSeq: number) => void} repair  asks the server for the events after a seq
     */
    constructor(apply: (frame: DurableFrame) => void, repair: (conversationId: number, afterSeq: number) => void);
    /** @returns {Record<string, number> | undefined} what `auth` takes as `resume`; nothing for a first connection */
    resume(): Record<string, number> | undefined;
    /**
     * With what is cached, and after `auth_success`. A conversation met for the first time starts at its head, for its state is going to be
     * fetched; one that is resumed is replayed up to its head.
     * @param {Head[]} heads
     */
    begin(heads: Head[]): void;
    /** @param {number} conversationId @param {number} seq  everything up to here is known by other means */
    skipTo(conversationId: number, seq: number): void;
    /** Starts over here, backwards too: a server restored from a backup counts on from what it has. @param {Head} head */
    restart({ conversation_id, last_seq }: Head): void;
    /** @param {DurableFrame} frame */
    receive(frame: DurableFrame): void;
    /** After `resumed`: there is no more of the replay. @param {Head} head */
    replayed({ conversation_id, last_seq }: Head): void;
    /** After `subscribed`: the events up to its head follow. @param {Head} head */
    replaying({ conversation_id, last_seq }: Head): void;
    /** The next event or heartbeat asks again. @param {number} conversationId */
    repairFailed(conversationId: number): void;
    /** @param {Head[]} heads  asks for what these conversations have and we do not */
    compare(heads: Head[]): void;
    /** @param {number} conversationId */
    forget(conversationId: number): void;
    /** What was held or asked for on the lost connection comes again with the resume. */
    disconnected(): void;
    #private;
}
export type DurableFrame = import("./wire.js").DurableFrame;
export type Head = import("./wire.js").Head;
export type Cursor = {
    /**
     * the last one applied
     */
    seq: number;
    /**
     * the server is sending the events up to here, in order; 0 when it is not
     */
    replayTo: number;
    /**
     * asked for, and no `subscribed` yet
     */
    repairing: boolean;
    held: Map<number, DurableFrame>;
};
