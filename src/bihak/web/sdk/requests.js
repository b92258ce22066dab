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
  /** @type {Map<string, Waiting>} */
  #waiting = new Map();
  #lastId = 0;
  #send;
  #timeoutMs;

  /**
   * @param {(frame: Frame) => boolean} send  false without a connection; throws a Fault when it may not be sent
   * @param {number} [timeoutMs]
   */
  constructor(send, timeoutMs = 20_000) {
    this.#send = send;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * @param {string} type @param {object} fields
   * @returns {Promise<any>} the reply; rejects with a Fault
   */
  ask(type, fields) {
    return new Promise((resolve, reject) => {
      const requestId = `r${++this.#lastId}`;
      const timer = setTimeout(() => {
        this.#waiting.delete(requestId);
        reject(Fault.timedOut());
      }, this.#timeoutMs);
      this.#waiting.set(requestId, { resolve, reject, timer });
      try {
        if (!this.#send({ ...fields, type, request_id: requestId })) throw Fault.disconnected();
      } catch (fault) {
        this.#take(requestId);
        reject(fault);
      }
    });
  }

  /** @param {Frame} frame  a reply or an error; ignored when nobody waits for it any longer */
  settle(frame) {
    const waiting = this.#take(String(frame.request_id));
    if (frame.type === "error") waiting?.reject(new Fault(/** @type {Frame & Failure} */ (frame)));
    else waiting?.resolve(frame);
  }

  failAll() {
    for (const requestId of [...this.#waiting.keys()]) this.#take(requestId)?.reject(Fault.disconnected());
  }

  /** @param {string} requestId */
  #take(requestId) {
    const waiting = this.#waiting.get(requestId);
    this.#waiting.delete(requestId);
    clearTimeout(waiting?.timer);
    return waiting;
  }
}

/** The one class of failure that a caller of the client library sees. */
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
