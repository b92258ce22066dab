/** How long to wait before trying again. */

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
