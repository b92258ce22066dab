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
