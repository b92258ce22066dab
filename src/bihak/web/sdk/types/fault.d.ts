/** The one class of failure that a caller of the client library sees, and what the end of a connection asks for. */
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
export function closingOf(code: number): Closing;
export type Failure = import("./wire.js").Failure;
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
