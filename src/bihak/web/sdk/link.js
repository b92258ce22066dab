/**
 * One WebSocket after another: opens, notices when it is dead, waits, opens again. Knows JSON, but only `ping` of the
 * protocol.
 */

import { Backoff } from "../sdk/backoff.js";

/** @typedef {import("./wire.js").Frame} Frame */

/**
 * @typedef {Object} LinkEnds  what the link tells its owner
 * @property {() => void} opened
 * @property {(frame: Frame) => void} received
 * @property {(code: number, reason: string) => boolean} closed  returns whether to connect again
 * @property {(retryInMs: number) => void} waiting
 * @property {() => void} connecting
 */

const PING_EVERY_MS = 30_000;
const ANSWER_WITHIN_MS = 10_000;
const OPEN_WITHIN_MS = 15_000;
const STABLE_AFTER_MS = 5_000;
const ABNORMAL_CLOSURE = 1006;

/** @typedef {ReturnType<typeof setTimeout>} Timer */

export class Link {
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Timer | undefined} */
  #retryTimer;
  /** @type {Timer | undefined} */
  #openTimer;
  /** @type {Timer | undefined} */
  #stableTimer;
  /** @type {Timer | undefined} */
  #answerTimer;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #pingTimer;
  #running = false;
  #backoff;
  #url;
  #ends;
  #wake = () => this.wake();

  /** @param {{url: string, random?: () => number, ends: LinkEnds}} options */
  constructor({ url, random, ends }) {
    this.#url = url;
    this.#ends = ends;
    this.#backoff = new Backoff({ random });
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    globalThis.addEventListener?.("online", this.#wake);
    globalThis.document?.addEventListener("visibilitychange", this.#wake);
    this.#connect();
  }

  stop() {
    this.#running = false;
    globalThis.removeEventListener?.("online", this.#wake);
    globalThis.document?.removeEventListener("visibilitychange", this.#wake);
    clearTimeout(this.#retryTimer);
    this.#release()?.close(1000);
  }

  /** @param {Frame} frame @returns {boolean} whether it was handed to an open socket */
  send(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /**
   * Gives up on the present socket and tries again after a backoff; for a server that accepts connections and then
   * cannot serve them.
   * @param {number} code @param {string} [reason]
   */
  drop(code, reason = "") {
    if (!this.#socket) return;
    this.#release()?.close();
    this.#ended(code, reason);
  }

  /** Tries now instead of later, or finds out now whether an idle socket has died while the machine slept. */
  wake() {
    if (!this.#running || globalThis.document?.hidden) return;
    if (this.#socket === null) this.#connect();
    else if (this.#socket.readyState === WebSocket.OPEN) this.#ping();
  }

  #connect() {
    clearTimeout(this.#retryTimer);
    this.#ends.connecting();
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#openTimer = setTimeout(() => this.drop(ABNORMAL_CLOSURE), OPEN_WITHIN_MS);
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onclose = ({ code, reason }) => {
      this.#release();
      this.#ended(code, reason);
    };
  }

  #opened() {
    clearTimeout(this.#openTimer);
    this.#pingTimer = setInterval(() => this.#ping(), PING_EVERY_MS);
    // Reset only after a while: a server that accepts and at once closes must still see its clients slow down.
    this.#stableTimer = setTimeout(() => this.#backoff.reset(), STABLE_AFTER_MS);
    this.#ends.opened();
  }

  /** @param {unknown} text */
  #received(text) {
    clearTimeout(this.#answerTimer);
    this.#answerTimer = undefined;
    if (typeof text !== "string") return;
    const frame = decode(text);
    if (frame) this.#ends.received(frame);
  }

  #ping() {
    if (!this.send({ type: "ping" }) || this.#answerTimer !== undefined) return;
    this.#answerTimer = setTimeout(() => this.drop(ABNORMAL_CLOSURE, "no answer to ping"), ANSWER_WITHIN_MS);
  }

  /** @param {number} code @param {string} reason */
  #ended(code, reason) {
    if (!this.#ends.closed(code, reason) || !this.#running) return;
    const retryInMs = this.#backoff.nextMs();
    this.#retryTimer = setTimeout(() => this.#connect(), retryInMs);
    this.#ends.waiting(retryInMs);
  }

  /**
   * Lets go of the socket without waiting for it: on a dead network the closing handshake takes minutes.
   * @returns {WebSocket | null} the socket, which no longer reports to us
   */
  #release() {
    const socket = this.#socket;
    this.#socket = null;
    clearTimeout(this.#openTimer);
    clearTimeout(this.#stableTimer);
    clearTimeout(this.#answerTimer);
    this.#answerTimer = undefined;
    clearInterval(this.#pingTimer);
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    return socket;
  }
}

/** @param {string} text @returns {Frame | null} */
function decode(text) {
  try {
    const frame = JSON.parse(text);
    return typeof frame?.type === "string" ? frame : null;
  } catch {
    return null;
  }
}
