export class Cache {
    /** @param {() => number} [nowMs] */
    constructor(nowMs?: () => number);
    /** @returns {Promise<Start>} */
    load(): Promise<Start>;
    /** @param {number} conversationId @returns {Promise<Message[]>} */
    messages(conversationId: number): Promise<Message[]>;
    /** @param {string} userId  whose it is @param {Promise<Database | null>} database */
    adopt(userId: string, database: Promise<Database | null>): void;
    /** @returns {Promise<Head[]>} from where to resume */
    heads(): Promise<Head[]>;
    /**
     * Signed in.
     * @param {Me} me @param {number[]} conversationIds  all there are @param {boolean} resumed  from `heads`
     * @returns {Promise<number[]>} the conversations whose messages were cached and are no longer
     */
    began({ user_id, participant_type, participant_id, name }: Me, conversationIds: number[], resumed: boolean): Promise<number[]>;
    /** @param {Frame} event  in order */
    happened(event: Frame): void;
    /** @param {Conversation[]} conversations  as the server has just told */
    told(conversations: Conversation[]): void;
    /** @param {number} conversationId @param {{messages: Message[], has_more: boolean}} page @param {number} [before] */
    read(conversationId: number, page: {
        messages: Message[];
        has_more: boolean;
    }, before?: number): void;
    /** Its messages have holes, or may have. @param {Head} head */
    resync({ conversation_id, last_seq }: Head): void;
    /** Writes what has gathered; done once that is written, and what was being written already. */
    flush(): Promise<void>;
    clear(): Promise<void>;
    #private;
}
export type Frame = import("./wire.js").Frame;
export type Conversation = import("./wire.js").Conversation;
export type Message = import("./wire.js").Message;
export type Database = import("./database.js").Database;
export type Me = {
    user_id: string;
    participant_type: string;
    participant_id: number;
    name: string;
};
export type Start = {
    me: Me | null;
    conversations: Conversation[];
};
export type Head = {
    conversation_id: number;
    last_seq: number;
};
