/** The one class of failure that a caller of the client library sees. */

/** @typedef {import("./wire.js").Failure} Failure */

export class Fault extends Error {
  /** @param {Failure} failure  an `error` frame, or the same shape made here */
  constructor({ message, code = "internal", retryable = false, retry_after }) {
    super(message);
    this.name = "Fault";
    this.code = code;
    this.retryable = retryable;
    this.retryAfterMs = retry_after === undefined ? undefined : retry_after * 1000;
  }

  /** The request may or may not have been carried out: the connection ended, or no reply came in time. */
  static disconnected() {
    return new Fault({ code: "disconnected", message: "The connection was lost.", retryable: true });
  }

  static timedOut() {
    return new Fault({ code: "timed_out", message: "The server did not answer in time.", retryable: true });
  }
}
