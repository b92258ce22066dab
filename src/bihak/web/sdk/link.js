/**
 * One WebSocket after another: opens, notices when it is dead, waits, opens again. Knows JSON, but only `ping` of the
 * protocol.
 */

/** @typedef {import("./wire.js").Frame} Frame */

/**
 * @typedef {Object} Socket  what is used of a WebSocket; the browser's, Node's, or that of the package `ws`
 * @property {number} readyState
 * @property {(text: string) => void} send
 * @property {(code?: number) => void} close
 * @property {((event: any) => void) | null} onopen
 * @property {((event: any) => void) | null} onmessage  has `data`
 * @property {((event: any) => void) | null} onclose  has `code` and `reason`
 * @property {((event: any) => void) | null} onerror
 *
 * @typedef {new (url: string) => Socket} SocketClass
 */

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
/** When there is reason to believe that the connection is dead, a shorter silence proves it. */
const DOUBTED_ANSWER_WITHIN_MS = 4_000;
const OPEN_WITHIN_MS = 15_000;
const STABLE_AFTER_MS = 5_000;
const ABNORMAL_CLOSURE = 1006;
const [CONNECTING, OPEN] = [0, 1];

/** @typedef {ReturnType<typeof setTimeout>} Timer */

export class Link {
  /** @type {Socket | null} */
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
  /** Whether the present socket has ever been open. */
  #isOpen = false;
  /** The server has asked to be left alone until the timer ends. */
  #resting = false;
  #backoff;
  #url;
  #Socket;
  #ends;
  #stir = (/** @type {Event} */ sign) => {
    // A page that is shown for the first time has only just begun to connect.
    if (sign.type !== "pageshow" || /** @type {PageTransitionEvent} */ (sign).persisted) {
      this.wake({ newNetwork: sign.type === "online" });
    }
  };

  /** @param {{url: string, Socket: SocketClass, random?: () => number, ends: LinkEnds}} options */
  constructor({ url, Socket, random, ends }) {
    this.#url = url;
    this.#Socket = Socket;
    this.#ends = ends;
    this.#backoff = new Backoff({ random });
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    for (const [target, type] of signsOfLife()) target.addEventListener(type, this.#stir);
    this.#connect();
  }

  stop() {
    this.#running = false;
    for (const [target, type] of signsOfLife()) target.removeEventListener(type, this.#stir);
    clearTimeout(this.#retryTimer);
    this.#release()?.close(1000);
  }

  /** @param {string} text @returns {boolean} whether it was handed to an open socket */
  send(text) {
    if (this.#socket?.readyState !== OPEN) return false;
    this.#socket.send(text);
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

  /**
   * Tries now instead of later, or finds out now whether an idle socket has died while the machine slept.
   * @param {{newNetwork?: boolean}} [why]  an attempt that was begun on the old network leads nowhere
   */
  wake({ newNetwork = false } = {}) {
    if (!this.#running || globalThis.document?.hidden) return;
    if (newNetwork && this.#socket?.readyState === CONNECTING) this.#release()?.close();
    if (this.#socket === null) this.#connect();
    else if (this.#socket.readyState === OPEN) this.#ping(DOUBTED_ANSWER_WITHIN_MS);
  }

  /** There is something to send: tries now, unless the server has asked to be left alone. */
  want() {
    if (this.#running && this.#socket === null && !this.#resting) this.#connect();
  }

  #connect() {
    clearTimeout(this.#retryTimer);
    this.#resting = false;
    this.#ends.connecting();
    const socket = new this.#Socket(this.#url);
    this.#socket = socket;
    this.#openTimer = setTimeout(() => this.drop(ABNORMAL_CLOSURE), OPEN_WITHIN_MS);
    socket.onopen = () => this.#opened();
    socket.onmessage = ({ data }) => this.#received(data);
    socket.onclose = ({ code, reason }) => {
      this.#release();
      this.#ended(code, reason);
    };
    // Node 20 leaves it at that when a connection cannot be made; everywhere else `close` would follow. A listener there
    // must be in any case, or the package `ws` ends the program.
    socket.onerror = () => {
      if (this.#socket === socket && !this.#isOpen) this.drop(ABNORMAL_CLOSURE);
    };
  }

  #opened() {
    this.#isOpen = true;
    clearTimeout(this.#openTimer);
    this.#pingTimer = setInterval(() => this.#ping(ANSWER_WITHIN_MS), PING_EVERY_MS);
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

  /** @param {number} withinMs */
  #ping(withinMs) {
    if (this.#answerTimer !== undefined || !this.send('{"type":"ping"}')) return;
    this.#answerTimer = setTimeout(() => this.drop(ABNORMAL_CLOSURE, "no answer to ping"), withinMs);
  }

  /** @param {number} code @param {string} reason */
  #ended(code, reason) {
    if (!this.#ends.closed(code, reason) || !this.#running) return;
    const { spreadMs, restMs = 0 } = closingOf(code);
    const retryInMs = restMs + this.#backoff.nextMs(spreadMs);
    this.#resting = restMs > 0;
    this.#retryTimer = setTimeout(() => this.#connect(), retryInMs);
    this.#ends.waiting(retryInMs);
  }

  /**
   * Lets go of the socket without waiting for it: on a dead network the closing handshake takes minutes.
   * @returns {Socket | null} the socket, which no longer reports to us
   */
  #release() {
    const socket = this.#socket;
    this.#socket = null;
    this.#isOpen = false;
    clearTimeout(this.#openTimer);
    clearTimeout(this.#stableTimer);
    clearTimeout(this.#answerTimer);
    this.#answerTimer = undefined;
    clearInterval(this.#pingTimer);
    if (socket) socket.onopen = socket.onmessage = socket.onclose = null;
    return socket;
  }
}

/**
 * What tells that the network, or the one who looks, may be back; `offline` is among them, for it casts doubt.
 * @returns {[EventTarget, string][]}
 */
function signsOfLife() {
  if (typeof window === "undefined") return [];
  return [
    [window, "online"],
    [window, "offline"],
    [window, "pageshow"],
    [document, "visibilitychange"],
    [document, "resume"],
  ];
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

/**
 * Exponential backoff with full jitter: any moment between now and a ceiling that doubles. When a server restarts, all
 * of its clients come back at once; spreading them over the whole interval costs the least work in total (Brooker,
 * "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 */
export class Backoff {
  #attempts = 0;

  /** @param {{baseMs?: number, capMs?: number, random?: () => number}} [options] */
  constructor({ baseMs = 500, capMs = 15_000, random = Math.random } = {}) {
    this.baseMs = baseMs;
    this.capMs = capMs;
    this.random = random;
  }

  /**
   * @param {number} [spreadMs]  a ceiling that is not to be lower
   * @returns {number} milliseconds to wait; each call raises the ceiling of the next
   */
  nextMs(spreadMs = 0) {
    const ceiling = Math.min(this.capMs, this.baseMs * 2 ** this.#attempts);
    this.#attempts += 1;
    return this.random() * Math.max(ceiling, spreadMs);
  }

  reset() {
    this.#attempts = 0;
  }
}
