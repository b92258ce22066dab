/**
 * Whose turn it is among the tabs of one person, and what they tell each other.
 *
 * Turns save work and no more: what a tab sends is the oldest of what waits, under a key that makes sending it twice
 * harmless, so two tabs that both send (where there are no Web Locks: on plain http) cannot change the order either.
 */
export class Turns {
    /** @param {string} name  the same in all tabs that share  @param {() => void} heard  another tab has changed something */
    constructor(name: string, heard: () => void);
    tell(): void;
    /** @param {string} what @param {() => Promise<void>} work  @returns {Promise<void>} when it is done */
    take(what: string, work: () => Promise<void>): Promise<void>;
    close(): void;
    #private;
}
