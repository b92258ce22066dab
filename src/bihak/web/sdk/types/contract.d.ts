export type Frame = import("./wire.js").Frame;
export type Welcome = import("./wire.js").Welcome;
export type Entry = import("./outbox.js").Entry;
/**
 * `waiting`: between two attempts. `refused`: the server will not have us, `code` says why: `invalid_token`,
 * `revoked` (the platform has ended the session), `another_person` (the token is of somebody else than before).
 */
export type State = "closed" | "connecting" | "ready" | "waiting" | "refused";
/**
 * `waiting`: between two attempts. `refused`: the server will not have us, `code` says why: `invalid_token`,
 * `revoked` (the platform has ended the session), `another_person` (the token is of somebody else than before).
 */
export type StateChange = {
    state: State;
    retryInMs?: number;
    code?: string;
    message?: string;
};
export type Options = {
    /**
     * of the server; http(s) is as good as ws(s)
     */
    url: string;
    /**
     * a function is asked for a fresh one whenever needed
     */
    token?: string | (() => string | Promise<string>) | undefined;
    /**
     * in trusted mode, instead of a token
     */
    participant?: import("./wire.js").Identity | undefined;
    /**
     * whose token the function will give: then what is cached can be shown without network
     */
    userId?: string | undefined;
    device?: string | undefined;
    /**
     * asked at each sign-in; else `online`
     */
    status?: (() => "online" | "away") | undefined;
    /**
     * where unsent messages wait; in browsers IndexedDB, and
     * memory elsewhere. `null`: memory, and no cache
     */
    storage?: import("./database.js").Shelf | null | undefined;
    /**
     * for Node before 22: `import WebSocket from "ws"`
     */
    WebSocket?: import("./link.js").SocketClass | undefined;
    random?: (() => number) | undefined;
};
export type OwnEvents = {
    /**
     * every event of the server, whatever its type
     */
    event: Frame;
    /**
     * authenticated; what is not replayed by a resume is to be fetched now
     */
    ready: Welcome;
    /**
     * too much was missed: fetch this conversation anew
     */
    resync: {
        conversation_id: number;
    };
    /**
     * a message of ours changed its state
     */
    outbox: Entry;
    state: StateChange;
    /**
     * an error that belongs to no request
     */
    error: import("./wire.js").Failure;
};
export type Events = OwnEvents & import("./wire.js").ServerEvents;
