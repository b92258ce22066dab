/** @typedef {import("./outbox.js").Entry} Entry */
/**
 * @typedef {Object} Shelf  a program of one's own may bring another one, such as a file
 * @property {() => Promise<Entry[]>} all  in the order they were written
 * @property {(conversationId: number) => Promise<Entry | undefined>} next  the first that has not failed
 * @property {(entry: Entry) => Promise<void>} put  a new one behind all others, a known one in its place
 * @property {(key: string) => Promise<void>} delete
 * @property {() => Promise<void>} clear
 */
/** @implements {Shelf} */
export class MemoryShelf implements Shelf {
    /** @param {Entry[]} [entries] */
    constructor(entries?: Entry[]);
    all(): Promise<import("./outbox.js").Entry[]>;
    /** @param {number} conversationId */
    next(conversationId: number): Promise<import("./outbox.js").Entry | undefined>;
    /** @param {Entry} entry */
    put(entry: Entry): Promise<void>;
    /** @param {string} key */
    delete(key: string): Promise<void>;
    clear(): Promise<void>;
    #private;
}
/** @typedef {Entry & {place: number}} Placed */
/** @implements {Shelf} */
export class DatabaseShelf implements Shelf {
    /** @param {import("./database.js").Database} database */
    constructor(database: import("./database.js").Database);
    all(): Promise<import("./outbox.js").Entry[]>;
    /** @param {number} conversationId */
    next(conversationId: number): Promise<import("./outbox.js").Entry | undefined>;
    /** @param {Entry} entry */
    put(entry: Entry): Promise<void>;
    /** @param {string} key */
    delete(key: string): Promise<void>;
    clear(): Promise<undefined>;
    #private;
}
export type Entry = import("./outbox.js").Entry;
/**
 * a program of one's own may bring another one, such as a file
 */
export type Shelf = {
    /**
     * in the order they were written
     */
    all: () => Promise<Entry[]>;
    /**
     * the first that has not failed
     */
    next: (conversationId: number) => Promise<Entry | undefined>;
    /**
     * a new one behind all others, a known one in its place
     */
    put: (entry: Entry) => Promise<void>;
    delete: (key: string) => Promise<void>;
    clear: () => Promise<void>;
};
export type Placed = Entry & {
    place: number;
};
