/** The one class of failure that a caller of the client library sees. */

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
