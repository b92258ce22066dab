export class Pages {
    /** @param {IDBTransaction} transaction */
    constructor(transaction: IDBTransaction);
    /** @param {string} userId @returns {Promise<Saved | undefined>} */
    person(userId: string): Promise<Saved | undefined>;
    /** @param {Saved} person */
    keepPerson(person: Saved): Promise<void>;
    /** @returns {Promise<Kept[]>} */
    conversations(): Promise<Kept[]>;
    /** @param {number} id @returns {Promise<Message[]>} oldest first */
    newest(id: number): Promise<Message[]>;
    /** @param {Conversation[]} conversations */
    keep(conversations: Conversation[]): Promise<void>;
    /** @param {number} id @param {Message[]} messages  a page of history @param {number} [before]  the newest if absent */
    add(id: number, messages: Message[], before?: number): Promise<void>;
    /** @param {Frame} event @param {string} myId */
    fold(event: Frame, myId: string): Promise<void>;
    /** @param {number} id @param {number} seq  from which events follow; older messages are to be fetched anew */
    restart(id: number, seq: number): Promise<void>;
    /** @param {number} id */
    forget(id: number): Promise<void>;
    clear(): Promise<void>;
    #private;
}
export type Frame = import("./wire.js").Frame;
export type Conversation = import("./wire.js").Conversation;
export type Message = import("./wire.js").Message;
export type Saved = import("./cache.js").Me & {
    saved_ms: number;
};
export type Kept = {
    conversation_id: number;
    seq: number;
    conversation: Conversation;
};
