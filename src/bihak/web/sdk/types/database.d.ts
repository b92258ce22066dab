/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
export function answer<T>(request: IDBRequest<T>): Promise<T>;
/** One for each person on each server. @param {string} url @param {string} userId */
export function databaseName(url: string, userId: string): string;
export class Database {
    /**
     * @param {string} name
     * @returns {Promise<Database | null>} null where there is no IndexedDB, or it is forbidden
     */
    static open(name: string): Promise<Database | null>;
    /** Best effort, and as soon as no tab uses it any more. @param {string} name */
    static forget(name: string): void;
    /** @param {IDBDatabase} db */
    constructor(db: IDBDatabase);
    close(): void;
    /**
     * Runs `work` as one transaction: all of it is on disk when this resolves, or nothing of it.
     * @template T
     * @param {string[]} stores @param {IDBTransactionMode} mode
     * @param {(transaction: IDBTransaction) => Promise<T>} work  may await nothing but its own requests
     * @returns {Promise<T>}
     */
    run<T>(stores: string[], mode: IDBTransactionMode, work: (transaction: IDBTransaction) => Promise<T>): Promise<T>;
    #private;
}
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
/** @implements {Shelf} */
export class DatabaseShelf implements Shelf {
    /** @param {Database} database */
    constructor(database: Database);
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
export type Placed = Entry & {
    place: number;
};
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
