/** What `auth` is sent with: whose it is, and whether another try is worth it. */

/** @typedef {import("./wire.js").Identity} Identity */
/** @typedef {string | (() => string | Promise<string>)} Token */

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
