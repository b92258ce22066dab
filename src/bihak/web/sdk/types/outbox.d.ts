export class Outbox {
    /**
     * @param {Object} options
     * @param {(entry: Entry) => Promise<MessageSent>} options.post  sends it; rejects with a Fault
     * @param {(entry: Entry) => void} options.changed  called whenever an entry's state changes
     * @param {() => number} [options.random]
     */
    constructor({ post, changed, random }: {
        post: (entry: Entry) => Promise<MessageSent>;
        changed: (entry: Entry) => void;
        random?: (() => number) | undefined;
    });
    /**
     * From now on messages are kept there; what it holds already is sent before what is written from now on.
     * @param {Shelf} shelf @param {Tabs} [tabs]
     */
    adopt(shelf: Shelf, tabs?: Tabs): Promise<void>;
    /** Looks at what other tabs have added, sent or given up. */
    refresh(): Promise<void>;
    /** @param {number} [conversationId] @returns {Entry[]} in the order they were written */
    entries(conversationId?: number): Entry[];
    /** @param {number} conversationId @param {string} content @param {number | null} replyToId @returns {Entry} */
    add(conversationId: number, content: string, replyToId: number | null): Entry;
    /** @param {string} key  sends a failed one again, after whatever was written since */
    retry(key: string): Promise<void>;
    /** @param {string} key  gives a failed one up */
    discard(key: string): void;
    connected(): void;
    disconnected(): void;
    /** Forgets everything that is not sent. */
    clear(): Promise<void>;
    close(): void;
    /**
     * The server has stored it; told by its reply, or by the message's own event where the reply was lost.
     * @param {string} key @param {MessageSent} sent
     */
    stored(key: string, sent: MessageSent): Promise<void>;
    /** @param {import("./wire.js").Message} message  of whomever: somebody may be told to have read up to it */
    noticed(message: import("./wire.js").Message): void;
    /** @param {{conversation_id: number, message_id: number}} cursor  of somebody else */
    read(cursor: {
        conversation_id: number;
        message_id: number;
    }): void;
    #private;
}
export type MessageSent = import("./wire.js").MessageSent;
export type Shelf = import("./database.js").Shelf;
export type Tabs = Pick<import("./keep.js").Turns, "take" | "tell" | "close">;
export type Entry = {
    key: string;
    conversation_id: number;
    content: string;
    reply_to_id: number | null;
    created_at: string;
    /**
     * `sending` until the server has it, however
     * long that takes; `failed` when it will not have it: `retry` or `discard`
     */
    state: "sending" | "sent" | "read" | "failed" | "discarded";
    /**
     * absent where another tab has sent it
     */
    sent?: import("./wire.js").MessageSent | undefined;
    /**
     * why it failed, for people
     */
    reason?: string | undefined;
    /**
     * why it failed, for programs
     */
    code?: string | undefined;
};
