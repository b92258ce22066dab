/** @typedef {ReturnType<typeof setTimeout>} Timer */
export class Link {
    /** @param {{url: string, Socket: SocketClass, random?: () => number, ends: LinkEnds}} options */
    constructor({ url, Socket, random, ends }: {
        url: string;
        Socket: SocketClass;
        random?: () => number;
        ends: LinkEnds;
    });
    start(): void;
    stop(): void;
    /** @param {string} text @returns {boolean} whether it was handed to an open socket */
    send(text: string): boolean;
    /**
     * Gives up on the present socket and tries again after a backoff; for a server that accepts connections and then
     * cannot serve them.
     * @param {number} code @param {string} [reason]
     */
    drop(code: number, reason?: string): void;
    /**
     * Tries now instead of later, or finds out now whether an idle socket has died while the machine slept.
     * @param {{newNetwork?: boolean}} [why]  an attempt that was begun on the old network leads nowhere
     */
    wake({ newNetwork }?: {
        newNetwork?: boolean;
    }): void;
    /** There is something to send: tries now, unless the server has asked to be left alone. */
    want(): void;
    #private;
}
export function closingOf(code: number): Closing;
/**
 * Exponential backoff with full jitter: any moment between now and a ceiling that doubles. When a server restarts, all
 * of its clients come back at once; spreading them over the whole interval costs the least work in total (Brooker,
 * "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 */
export class Backoff {
    /** @param {{baseMs?: number, capMs?: number, random?: () => number}} [options] */
    constructor({ baseMs, capMs, random }?: {
        baseMs?: number;
        capMs?: number;
        random?: () => number;
    });
    baseMs: number;
    capMs: number;
    random: () => number;
    /**
     * @param {number} [spreadMs]  a ceiling that is not to be lower
     * @returns {number} milliseconds to wait; each call raises the ceiling of the next
     */
    nextMs(spreadMs?: number): number;
    reset(): void;
    #private;
}
export type Frame = import("./wire.js").Frame;
/**
 * what is used of a WebSocket; the browser's, Node's, or that of the package `ws`
 */
export type Socket = {
    readyState: number;
    send: (text: string) => void;
    close: (code?: number) => void;
    onopen: ((event: any) => void) | null;
    /**
     * has `data`
     */
    onmessage: ((event: any) => void) | null;
    /**
     * has `code` and `reason`
     */
    onclose: ((event: any) => void) | null;
    onerror: ((event: any) => void) | null;
};
export type SocketClass = new (url: string) => Socket;
/**
 * what the link tells its owner
 */
export type LinkEnds = {
    opened: () => void;
    received: (frame: Frame) => void;
    /**
     * returns whether to connect again
     */
    closed: (code: number, reason: string) => boolean;
    waiting: (retryInMs: number) => void;
    connecting: () => void;
};
export type Timer = ReturnType<typeof setTimeout>;
/**
 * What a close code of the protocol asks of a client.
 */
export type Closing = {
    /**
     * the session is over: no reconnect
     */
    final?: boolean | undefined;
    /**
     * only with another token
     */
    freshToken?: boolean | undefined;
    /**
     * come back at some moment within so long, at least
     */
    spreadMs?: number | undefined;
    /**
     * but not before that, even when there is something to send
     */
    restMs?: number | undefined;
};
