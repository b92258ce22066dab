/**
 * @typedef {Object} Kept
 * @property {string} url
 * @property {import("./shelf.js").Shelf | null} [storage]
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
export type Kept = {
    url: string;
    storage?: import("./shelf.js").Shelf | null | undefined;
    feed: import("./feed.js").Feed;
    outbox: import("./outbox.js").Outbox;
    cache: import("./cache.js").Cache;
};
