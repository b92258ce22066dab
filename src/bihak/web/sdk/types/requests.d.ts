/** Requests that wait for their reply, by `request_id`, and how they fail. */
/** @typedef {import("./wire.js").Frame} Frame */
/** @typedef {import("./wire.js").Failure} Failure */
/**
 * @typedef {Object} Waiting
 * @property {(reply: any) => void} resolve
 * @property {(fault: Fault) => void} reject
 * @property {ReturnType<typeof setTimeout>} timer
 */
export class Requests {
    /**
     * @param {(frame: Frame) => boolean} send  false without a connection; throws a Fault when it may not be sent
     * @param {number} [timeoutMs]
     */
    constructor(send: (frame: Frame) => boolean, timeoutMs?: number);
    /**
     * @param {string} type @param {object} fields
     * @returns {Promise<any>} the reply; rejects with a Fault
     */
    ask(type: string, fields: object): Promise<any>;
    /** @param {Frame} frame  a reply or an error; ignored when nobody waits for it any longer */
    settle(frame: Frame): void;
    failAll(): void;
    #private;
}
/** The one class of failure that a caller of the client library sees. */
export class Fault extends Error {
    /** The request may or may not have been carried out: the connection ended, or no reply came in time. */
    static disconnected(): Fault;
    static timedOut(): Fault;
    static tooLarge(): Fault;
    static anotherPerson(): Fault;
    /** @param {Failure} failure  an `error` frame, or the same shape made here */
    constructor({ message, code, retryable, field, retry_after }: Failure);
    code: string;
    retryable: boolean;
    field: string | undefined;
    retryAfterMs: number | undefined;
}
export type Frame = import("./wire.js").Frame;
export type Failure = import("./wire.js").Failure;
export type Waiting = {
    resolve: (reply: any) => void;
    reject: (fault: Fault) => void;
    timer: ReturnType<typeof setTimeout>;
};
