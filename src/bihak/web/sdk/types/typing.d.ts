/** @typedef {{startedMs: number, idle: ReturnType<typeof setTimeout>}} Spell */
export class Typing {
    /**
     * @param {(type: "typing_start" | "typing_stop", conversationId: number) => void} send
     * @param {() => number} [nowMs]
     */
    constructor(send: (type: "typing_start" | "typing_stop", conversationId: number) => void, nowMs?: () => number);
    /** @param {number} conversationId  a key was struck */
    touch(conversationId: number): void;
    /** @param {number} conversationId */
    stop(conversationId: number): void;
    /** The connection is gone, and with it whatever the others saw. */
    disconnected(): void;
    #private;
}
export type Spell = {
    startedMs: number;
    idle: ReturnType<typeof setTimeout>;
};
