/** Signing in on each new connection: with what, and what refusals and close codes mean for the next. */

import { closingOf } from "./link.js";
import { Fault } from "./requests.js";

/** @typedef {import("./wire.js").Welcome} Welcome */
/** @typedef {import("./wire.js").Identity} Identity */
/** @typedef {string | (() => string | Promise<string>)} Token */

/**
 * @typedef {Object} SignInEnds
 * @property {Credentials} credentials
 * @property {import("./keep.js").Keep} keep
 * @property {string} [device]
 * @property {() => string | undefined} [status]  to arrive with
 * @property {() => Record<string, number> | undefined} resume
 * @property {(fields: object) => Promise<Welcome>} ask  sends `auth`; rejects with a Fault
 * @property {(code: number, reason: string) => void} drop  gives up on this connection, and tries again later
 * @property {(welcome: Welcome, resumed: boolean) => void} welcomed
 * @property {(code: string, message: string) => void} refused  for good
 */

const ABNORMAL_CLOSURE = 1006;
const TRY_AGAIN_LATER = 1013;

export class SignIn {
  #ends;
  #attempts = 0;

  /** @param {SignInEnds} ends */
  constructor(ends) {
    this.#ends = ends;
  }

  /** On a connection that has just been opened. */
  async begin() {
    const attempt = ++this.#attempts;
    const isOver = () => attempt !== this.#attempts;
    const { credentials, keep, device, status } = this.#ends;
    try {
      const credential = await credentials.next();
      if (isOver()) return;
      await keep.belongTo(ownerOf(credential));
      if (isOver()) return;
      const resume = this.#ends.resume();
      const welcome = await this.#ends.ask({ ...credential, resume, device, status: status?.() });
      await keep.belongTo(welcome.user_id);
      if (isOver()) return;
      credentials.accepted();
      this.#ends.welcomed(welcome, resume !== undefined);
    } catch (error) {
      if (!isOver()) this.#failed(error);
    }
  }

  /** The connection is gone: whatever was begun on it is over. */
  disconnected() {
    this.#attempts += 1;
  }

  /** The connection stays open while its token is replaced; should that fail, the server closes it and we resume. */
  async refresh() {
    try {
      await this.#ends.ask(await this.#ends.credentials.next());
    } catch {
      // Told by the close that follows.
    }
  }

  /** @param {number} code @param {string} reason  the connection was closed with */
  closed(code, reason) {
    const { final, freshToken } = closingOf(code);
    if (final) {
      this.#ends.refused("revoked", reason || "This session was ended.");
      void this.#ends.keep.forget();
    } else if (freshToken && !this.#ends.credentials.refused()) {
      this.#ends.refused("invalid_token", "The sign-in is no longer valid.");
    }
  }

  /** @param {unknown} error */
  #failed(error) {
    const { drop, credentials, refused } = this.#ends;
    if (!(error instanceof Fault)) drop(ABNORMAL_CLOSURE, String(error));
    else if (error.code === "disconnected") return;
    else if (error.retryable) drop(TRY_AGAIN_LATER, error.message);
    else if (credentials.refused()) drop(ABNORMAL_CLOSURE, error.message);
    else refused(error.code, error.message);
  }
}

/** Whose it is, and whether another try is worth it. */
export class Credentials {
  #token;
  #participant;
  #refusals = 0;

  /** @param {{token?: Token, participant?: Identity}} options */
  constructor({ token, participant }) {
    this.#token = token;
    this.#participant = participant;
  }

  /** @returns {string | null} a user_id, where it can be told without asking for a token */
  get owner() {
    if (typeof this.#token === "function") return null;
    return ownerOf({ token: this.#token, ...this.#participant });
  }

  /** Whether there can be a token other than the last one. */
  get renewable() {
    return typeof this.#token === "function";
  }

  /** @returns {Promise<{token?: string} & Partial<Identity>>} */
  async next() {
    if (this.#token === undefined) return { ...this.#participant };
    return { token: typeof this.#token === "function" ? await this.#token() : this.#token };
  }

  accepted() {
    this.#refusals = 0;
  }

  /** A fresh token is worth one try; a second refusal in a row is the server's answer. */
  refused() {
    this.#refusals += 1;
    return this.renewable && this.#refusals === 1;
  }
}

/**
 * @param {{token?: string} & Partial<Identity>} credential
 * @returns {string | null} a user_id; null for a token that only the server can read
 */
export function ownerOf({ token, participant_type, participant_id }) {
  if (token !== undefined) return subjectOf(token);
  return participant_type === undefined ? null : `${participant_type}_${participant_id}`;
}

/**
 * The `sub` of a JWT, unchecked: it only tells which drawer to open, and the server has the last word.
 * @param {string} token
 */
function subjectOf(token) {
  try {
    const claims = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const { sub } = JSON.parse(atob(claims));
    return typeof sub === "string" ? sub : null;
  } catch {
    return null;
  }
}
