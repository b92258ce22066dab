/** How long to wait before trying again. */
/**
 * Exponential backoff with full jitter: any moment between now and a ceiling that doubles. When a server restarts, all
 * of its clients come back at once; spreading them over the whole interval costs the least work in total (Brooker,
 * "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
 */
export class Backoff {
    /** @param {{baseMs?: number, capMs?: number, random?: () => number}} [options] */
    constructor({ baseMs, capMs, random }?: {
        baseMs?: number;
        capMs?: number;
        random?: () => number;
    });
    baseMs: number;
    capMs: number;
    random: () => number;
    /**
     * @param {number} [spreadMs]  a ceiling that is not to be lower
     * @returns {number} milliseconds to wait; each call raises the ceiling of the next
     */
    nextMs(spreadMs?: number): number;
    reset(): void;
    #private;
}
