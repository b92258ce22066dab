/** What each close code of the protocol asks of a client. */

/**
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
