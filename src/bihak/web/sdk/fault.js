/** The one class of failure that a caller of the client library sees, and what the end of a connection asks for. */

/** @typedef {import("./wire.js").Failure} Failure */

export class Fault extends Error {
  /** @param {Failure} failure  an `error` frame, or the same shape made here */
  constructor({ message, code = "internal", retryable = false, field, retry_after }) {
    super(message);
    this.name = "Fault";
    this.code = code;
    this.retryable = retryable;
    this.field = field;
    this.retryAfterMs = retry_after === undefined ? undefined : retry_after * 1000;
  }

  /** The request may or may not have been carried out: the connection ended, or no reply came in time. */
  static disconnected() {
    return new Fault({ code: "disconnected", message: "The connection was lost.", retryable: true });
  }

  static timedOut() {
    return new Fault({ code: "timed_out", message: "The server did not answer in time.", retryable: true });
  }

  static tooLarge() {
    return new Fault({ code: "too_large", message: "This is longer than the server takes." });
  }

  static anotherPerson() {
    return new Fault({ code: "another_person", message: "Somebody else has signed in meanwhile." });
  }
}

/**
 * What a close code of the protocol asks of a client.
 *
 * @typedef {Object} Closing
 * @property {boolean} [final]  the session is over: no reconnect
 * @property {boolean} [freshToken]  only with another token
 * @property {number} [spreadMs]  come back at some moment within so long, at least
 * @property {number} [restMs]  but not before that, even when there is something to send
 */

/** @type {Record<number, Closing>} */
const CLOSINGS = {
  // Draining: all of its clients leave at the same moment.
  1001: { spreadMs: 3_000 },
  // Full or overloaded.
  1013: { spreadMs: 5_000, restMs: 1_000 },
  4401: { freshToken: true },
  4403: { final: true },
  // Coming back fast would only push out one's own other connections.
  4429: { spreadMs: 30_000, restMs: 30_000 },
};

/** @param {number} code @returns {Closing} */
export const closingOf = (code) => CLOSINGS[code] ?? {};
