/**
 * @typedef {Object} Kept
 * @property {string} url
 * @property {import("./database.js").Shelf | null} [storage]
 * @property {import("./feed.js").Feed} feed
 * @property {import("./outbox.js").Outbox} outbox
 * @property {import("./cache.js").Cache} cache
 */
export class Keep {
    /** @param {Kept} kept */
    constructor(kept: Kept);
    /** Resolves when it is open. Rejects with a Fault where it is somebody else's. @param {string | null} userId */
    belongTo(userId: string | null): Promise<void>;
    forget(): Promise<void>;
    #private;
}
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
export type Kept = {
    url: string;
    storage?: import("./database.js").Shelf | null | undefined;
    feed: import("./feed.js").Feed;
    outbox: import("./outbox.js").Outbox;
    cache: import("./cache.js").Cache;
};
