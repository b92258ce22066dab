/** The one class of failure that a caller of the client library sees. */
/** @typedef {import("./wire.js").Failure} Failure */
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
export type Failure = import("./wire.js").Failure;
