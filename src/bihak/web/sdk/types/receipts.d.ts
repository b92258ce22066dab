/**
 * @typedef {Object} Watch
 * @property {Entry[]} entries
 * @property {Map<number, number>} seqs  of messages after the first of the entries, by message_id: ids have no order
 */
export class Receipts {
    /** @param {Entry} entry  has `sent` */
    sent(entry: Entry): void;
    /** @param {{conversation_id: number, message_id: number, seq: number}} message */
    noticed({ conversation_id, message_id, seq }: {
        conversation_id: number;
        message_id: number;
        seq: number;
    }): void;
    /**
     * Somebody else has read up to there.
     * @param {{conversation_id: number, message_id: number}} cursor
     * @returns {Entry[]} those of ours that are read thereby, each told once
     */
    read({ conversation_id, message_id }: {
        conversation_id: number;
        message_id: number;
    }): Entry[];
    #private;
}
export type Entry = import("./outbox.js").Entry;
export type Watch = {
    entries: Entry[];
    /**
     * of messages after the first of the entries, by message_id: ids have no order
     */
    seqs: Map<number, number>;
};
